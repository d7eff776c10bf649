package transfer

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// What mongodump writes of a database, FROZEN by MongoDB's tools:
//
//	<db>/<name>.bson            the documents, one behind the other; none of a view
//	<db>/<name>.metadata.json   {"options", "indexes", "uuid", "collectionName", "type"}
//
// in canonical Extended JSON, each with .gz behind it where it is compressed.
// <name> is the collection's, escaped as in a URL's query, and cut with a hash
// where a file's name would be too long.

const (
	bsonSuffix     = ".bson"
	metadataSuffix = ".metadata.json"
	gzipSuffix     = ".gz"

	// Longer names are cut to the first of these, and "%24" and the hash follow.
	maxDumpName = 238
	cutDumpName = 208
)

// dumpName returns the name of a collection's files, without their suffixes.
// mongodump writes a space as +, which its older versions read as a plus; %20
// is a space to all of them.
func dumpName(collection string) string {
	name := strings.ReplaceAll(url.QueryEscape(collection), "+", "%20")
	if len(name) <= maxDumpName {
		return name
	}
	sum := sha1.Sum([]byte(collection))
	return name[:cutDumpName] + "%24" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// collectionOf returns the collection that a file's name stands for, where no
// metadata tells it.
func collectionOf(name string) string {
	if plain, err := url.QueryUnescape(name); err == nil {
		return plain
	}
	return name
}

// metadata is a .metadata.json file.
type metadata struct {
	Collection string
	Kind       string // collection, view, timeseries
	Options    bsonraw.Doc
	Indexes    []bsonraw.Doc
}

// parseMetadata reads a .metadata.json file. Old versions of mongodump wrote
// neither name nor type, and an empty file for a collection without options.
func parseMetadata(text []byte) (*metadata, error) {
	m := &metadata{Options: bsonraw.EmptyDoc}
	if len(strings.TrimSpace(string(text))) == 0 {
		return m, nil
	}
	doc, err := ejson.ParseDoc(string(text))
	if err != nil {
		return nil, errs.Wrap(err, errs.ImportFailed, "the metadata of a collection")
	}
	if v := doc.Get("options"); v.Type == bsonraw.Object {
		m.Options = v.Doc()
	}
	if v := doc.Get("indexes"); v.Type == bsonraw.Array {
		for _, spec := range v.Doc().Values() {
			if spec.Type != bsonraw.Object {
				return nil, errs.New(errs.ImportFailed, "the metadata of a collection: an index is a %s and no document", spec.Type.Name())
			}
			m.Indexes = append(m.Indexes, spec.Doc())
		}
	}
	m.Collection, m.Kind = stringOf(doc.Get("collectionName")), stringOf(doc.Get("type"))
	if m.Kind == "" && !m.Options.Get("viewOn").IsMissing() {
		m.Kind = "view"
	}
	return m, nil
}

// DumpCollection is a collection or view to dump.
type DumpCollection struct {
	Name    string
	View    bool
	Options bsonraw.Doc
	Indexes []bsonraw.Doc // of listIndexes, that of _id included
	Docs    int64         // how many there are, for Progress; 0 if unknown
	Open    OpenFunc      // nil for a view
}

func (c *DumpCollection) kind() string {
	if c.View {
		return "view"
	}
	return "collection"
}

// metadata returns the text of the collection's .metadata.json.
func (c *DumpCollection) metadata(database string) []byte {
	b := bsonraw.NewBuilder(nil)
	if !c.Options.IsEmpty() {
		b.Doc("options", c.Options)
	}
	b.BeginArray("indexes")
	for i, spec := range c.Indexes {
		b.Doc(bsonraw.Index(i), spec)
	}
	b.End()
	if !c.View {
		b.String("uuid", dumpUUID(database, c.Name))
	}
	b.String("collectionName", c.Name)
	b.String("type", c.kind())
	return ejson.Append(nil, b.Finish(), ejson.Canonical)
}

// dumpUUID makes the UUID (of version 5's form) that a collection is known by
// to mongorestore --preserveUUID. Argon's collections have none: the name makes
// it, so that two dumps of one state are the same bytes.
func dumpUUID(database, collection string) string {
	sum := sha1.Sum([]byte("argon:" + database + "." + collection))
	sum[6], sum[8] = sum[6]&0x0F|0x50, sum[8]&0x3F|0x80
	return hex.EncodeToString(sum[:16])
}

// isSkipped reports whether a collection of a dump is the server's own, and why.
func isSkipped(name string) (why string, skip bool) {
	switch {
	case strings.HasPrefix(name, "system.buckets."):
		return "holds the buckets of a time series", true
	case isSystem(name):
		return "belongs to the server that was dumped", true
	case strings.HasPrefix(name, "$admin."):
		return "holds users and roles of the server that was dumped", true
	}
	return "", false
}
