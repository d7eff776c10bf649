package transfer_test

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/transfer"
)

// toolMetadata is a .metadata.json as MongoDB's tools read and write it, with the
// driver's own Extended JSON.
type toolMetadata struct {
	Options        bson.D   `bson:"options,omitempty"`
	Indexes        []bson.D `bson:"indexes"`
	UUID           string   `bson:"uuid,omitempty"`
	CollectionName string   `bson:"collectionName"`
	Type           string   `bson:"type,omitempty"`
}

// TestDumpAgainstMongod restores a dump of ours the way that mongorestore does,
// into a real server, then dumps that the way that mongodump does, and reads it.
func TestDumpAgainstMongod(t *testing.T) {
	db, ctx := database(t), t.Context()
	written := written{}
	_, err := transfer.ExportDump(ctx, written.create, golden(t), transfer.DumpOptions{Database: "shop"})
	require.NoError(t, err)
	var metas []toolMetadata
	for _, name := range []string{"a%20b%2F%C3%BC%26c", "users", "adults"} {
		var m toolMetadata
		require.NoError(t, bson.UnmarshalExtJSON(written["shop/"+name+".metadata.json"].Bytes(), true, &m))
		require.NoError(t, db.RunCommand(ctx, append(bson.D{{Key: "create", Value: m.CollectionName}}, m.Options...)).Err())
		if m.Type == "view" {
			metas = append(metas, m)
			continue
		}
		var docs []any
		for data := written["shop/"+name+".bson"].Bytes(); len(data) > 0; {
			doc, rest, err := splitDocument(data)
			require.NoError(t, err)
			docs, data = append(docs, doc), rest
		}
		if len(docs) > 0 {
			_, err = db.Collection(m.CollectionName).InsertMany(ctx, docs, options.InsertMany().SetBypassDocumentValidation(true))
			require.NoError(t, err)
		}
		if len(m.Indexes) > 1 {
			require.NoError(t, db.RunCommand(ctx, bson.D{
				{Key: "createIndexes", Value: m.CollectionName}, {Key: "indexes", Value: m.Indexes[1:]},
			}).Err())
		}
		metas = append(metas, m)
	}
	m := &memory{}
	res, err := transfer.ImportDump(ctx, dumpOf(t, db, metas), m, transfer.RestoreOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 2, res.Docs)
	require.Empty(t, res.Notes)
	for i, d := range readBSON(t, "testdata/golden/shop/users.bson") {
		require.Equal(t, []byte(d), []byte(m.get("users").docs[i]))
	}
	require.Equal(t, "name_1_n_-1", m.get("users").indexes[0].Get("name").Str())
	require.Equal(t, "users", m.get("adults").options.Get("viewOn").Str())
}

func splitDocument(data []byte) (bson.Raw, []byte, error) {
	doc, err := bson.ReadDocument(bytes.NewReader(data))
	return doc, data[len(doc):], err
}

// dumpOf writes what mongodump writes of collections.
func dumpOf(t *testing.T, db *mongo.Database, metas []toolMetadata) fs.FS {
	dump, ctx := fstest.MapFS{}, t.Context()
	for _, meta := range metas {
		file := "x/" + strings.NewReplacer(" ", "+", "/", "%2F", "ü", "%C3%BC", "&", "%26").Replace(meta.CollectionName)
		infos, err := db.ListCollectionSpecifications(ctx, bson.D{{Key: "name", Value: meta.CollectionName}})
		require.NoError(t, err)
		out := toolMetadata{Indexes: []bson.D{}, CollectionName: meta.CollectionName, Type: infos[0].Type}
		require.NoError(t, bson.Unmarshal(infos[0].Options, &out.Options))
		if infos[0].Type != "view" {
			cur, err := db.Collection(meta.CollectionName).Indexes().List(ctx)
			require.NoError(t, err)
			require.NoError(t, cur.All(ctx, &out.Indexes))
			var docs []bson.Raw
			found, err := db.Collection(meta.CollectionName).Find(ctx, bson.D{})
			require.NoError(t, err)
			require.NoError(t, found.All(ctx, &docs))
			var data []byte
			for _, d := range docs {
				data = append(data, d...)
			}
			dump[file+".bson"] = &fstest.MapFile{Data: data}
		}
		text, err := bson.MarshalExtJSON(out, true, false)
		require.NoError(t, err)
		dump[file+".metadata.json"] = &fstest.MapFile{Data: text}
	}
	return dump
}

// TestDamagedArchives changes bytes of an archive at random and cuts it off.
func TestDamagedArchives(t *testing.T) {
	whole, err := os.ReadFile("testdata/golden.archive")
	require.NoError(t, err)
	const seed = 1
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for range 2000 {
		data := bytes.Clone(whole)
		for range 1 + r.IntN(4) {
			data[r.IntN(len(data))] = byte(r.IntN(256))
		}
		m := &memory{}
		_, err := transfer.ImportArchive(t.Context(), bytes.NewReader(data[:r.IntN(len(data)+1)]), m, transfer.RestoreOptions{MaxErrors: -1})
		if err != nil {
			require.NotNil(t, errs.As(err), err)
		}
		for _, c := range m.collections {
			for _, d := range c.docs {
				require.NoError(t, bsonraw.Validate(d))
			}
		}
	}
}
