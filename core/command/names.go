package command

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// collection is the field of a command that names its collection: a string,
// of which only the form is checked.
func collection[A any](name string, at func(*A) *string) field[A] {
	f := text(name, at).need().orError(errs.BadValue, "collection name has invalid type %s")
	return f.about("The collection.")
}

// readCollection is collection for the commands where mongod has another code.
func readCollection[A any](name string, at func(*A) *string) field[A] {
	return collection(name, at).orError(errs.InvalidNamespace, "collection name has invalid type %s")
}

// validCollection checks a collection's name as mongod does. db is for the
// message.
func validCollection(db, name string) error {
	bad := func(format string, args ...any) error { return errs.New(errs.InvalidNamespace, format, args...) }
	switch {
	case name == "":
		return bad("Invalid namespace specified '%s.'", db)
	case strings.IndexByte(name, 0) >= 0:
		return bad("namespaces cannot have embedded null characters")
	case strings.IndexByte(name, '$') >= 0:
		return bad("Invalid collection name: %s", name)
	case name[0] == '.':
		return bad("Collection names cannot start with '.': %s", name)
	case strings.HasPrefix(name, "system."):
		return bad("Invalid system namespace: %s.%s", db, name)
	case len(name) > maxCollectionName:
		return errs.New(errs.InvalidNamespace, "a collection's name has %d bytes, at most %d are allowed", len(name), maxCollectionName)
	}
	return nil
}

// maxCollectionName is MongoDB's limit on database and collection together.
const maxCollectionName = 255

// readableCollection is validCollection for commands that make nothing, which may
// look for some names that cannot be made.
func readableCollection(db, name string) error {
	switch {
	case name == "":
		return errs.New(errs.InvalidNamespace, "Invalid namespace specified '%s.'", db)
	case strings.IndexByte(name, 0) >= 0:
		return errs.New(errs.InvalidNamespace, "namespaces cannot have embedded null characters")
	case name[0] == '.':
		return errs.New(errs.InvalidNamespace, "Collection names cannot start with '.': %s", name)
	}
	return nil
}

// queryableCollection is readableCollection for queries, where mongod looks for
// virtual collections in names with a dollar.
func queryableCollection(db, name string) error {
	if err := readableCollection(db, name); err != nil || strings.IndexByte(name, '$') < 0 {
		return err
	}
	return errs.New(errs.InvalidNamespace, "Invalid collection name specified '%s.%s'", db, name)
}

// splitNamespace cuts "database.collection" at its first dot.
func splitNamespace(ns string) (db, coll string, err error) {
	db, coll, ok := strings.Cut(ns, ".")
	if !ok || db == "" || coll == "" {
		return "", "", errs.New(errs.InvalidNamespace, "Invalid namespace specified '%s'", ns)
	}
	return db, coll, nil
}

// hint is the field that forces an index: its name or its key pattern.
func hint[A any](at func(*A) *bsonraw.Value) field[A] {
	f := anything("hint", at)
	f.types = []bsonraw.Type{bsonraw.String, bsonraw.Object}
	f.Type = "string or object"
	return f.orError(errs.FailedToParse, "Hint must be a string or an object").
		about("The index to use: its name, its key pattern, or {$natural: 1}.")
}

func collation[A any](at func(*A) *bsonraw.Doc) field[A] {
	f := object("collation", at).about(`Only {locale: "simple"}, which is the default.`)
	f.read = func(a *A, v bsonraw.Value) error {
		*at(a) = v.Doc()
		return checkCollation(v.Doc())
	}
	return f
}

// checkCollation checks the form of a collation.
func checkCollation(doc bsonraw.Doc) error {
	if doc.IsEmpty() {
		return nil
	}
	return collationTable.read(&collationArgs{}, doc, nil)
}

type collationArgs struct {
	locale, text string
	number       int64
	on           bool
}

// collationTable checks the form of a collation; what can be had of it is the
// engine's to say.
var collationTable = newTable("collation", []field[collationArgs]{
	text("locale", func(a *collationArgs) *string { return &a.locale }).need(),
	flag("caseLevel", func(a *collationArgs) *bool { return &a.on }),
	text("caseFirst", func(a *collationArgs) *string { return &a.text }),
	integer("strength", func(a *collationArgs) *int64 { return &a.number }),
	flag("numericOrdering", func(a *collationArgs) *bool { return &a.on }),
	text("alternate", func(a *collationArgs) *string { return &a.text }),
	text("maxVariable", func(a *collationArgs) *string { return &a.text }),
	flag("normalization", func(a *collationArgs) *bool { return &a.on }),
	flag("backwards", func(a *collationArgs) *bool { return &a.on }),
	text("version", func(a *collationArgs) *string { return &a.text }),
})

func let[A any](at func(*A) *bsonraw.Doc) field[A] {
	return object("let", at).about("Variables for expressions, as $$name.")
}
