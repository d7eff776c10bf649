package command

import (
	"context"
	"slices"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type createArgs struct {
	coll    string
	options *bsonraw.Builder
}

// option is a field of create that is stored as it is.
func option(name, what, help string, types ...bsonraw.Type) field[createArgs] {
	return kind(name, what, types, func(a *createArgs, v bsonraw.Value) error {
		if a.options == nil {
			a.options = bsonraw.NewBuilder(nil)
		}
		a.options.Value(name, v)
		return nil
	}).about(help)
}

// choice lets a string be one of a list only.
func choice[A any](f field[A], path string, choices ...string) field[A] {
	store := f.read
	f.read = func(a *A, v bsonraw.Value) error {
		if !slices.Contains(choices, v.Str()) {
			return errs.New(errs.BadValue, "Enumeration value '%s' for field '%s' is not a valid value.", v.Str(), path)
		}
		return store(a, v)
	}
	return f
}

// stages lets an array hold documents only.
func stages[A any](f field[A], path string) field[A] {
	store := f.read
	f.read = func(a *A, v bsonraw.Value) error {
		var docs []bsonraw.Doc
		if err := readObjects(v.Doc(), path, &docs); err != nil {
			return err
		}
		return store(a, v)
	}
	return f
}

// form lets an object have the form of a table only.
func form[A, B any](f field[A], t *table[B]) field[A] {
	store := f.read
	f.read = func(a *A, v bsonraw.Value) error {
		if err := t.read(new(B), v.Doc(), nil); err != nil {
			return err
		}
		return store(a, v)
	}
	return f
}

// imagesTable is the form of changeStreamPreAndPostImages.
func imagesTable(owner string) *table[struct{ on bool }] {
	return newTable(owner+".changeStreamPreAndPostImages", []field[struct{ on bool }]{
		flag("enabled", func(a *struct{ on bool }) *bool { return &a.on }).need(),
	})
}

// positive lets a number be at least 1 only.
func positive[A any](f field[A]) field[A] {
	store := f.read
	f.read = func(a *A, v bsonraw.Value) error {
		if n := truncated(v); n < 1 {
			return errs.New(outOfRange, "BSON field '%s' value must be >= 1, actual value '%d'", f.Name, n)
		}
		return store(a, v)
	}
	return f
}

// clusteredIndex says what every collection is here in any case.
func clusteredIndex() field[createArgs] {
	type args struct {
		key    bsonraw.Doc
		name   string
		unique bool
		v      int64
	}
	t := newTable("create.clusteredIndex", []field[args]{
		object("key", func(a *args) *bsonraw.Doc { return &a.key }).need(),
		text("name", func(a *args) *string { return &a.name }),
		flag("unique", func(a *args) *bool { return &a.unique }).need(),
		integer("v", func(a *args) *int64 { return &a.v }),
	})
	f := option("clusteredIndex", "object or bool", "Every collection is clustered by _id here; stored and shown.", append([]bsonraw.Type{bsonraw.Boolean, bsonraw.Object}, numeric...)...)
	store := f.read
	f.read = func(a *createArgs, v bsonraw.Value) error {
		if v.Type == bsonraw.Object {
			if err := t.read(new(args), v.Doc(), nil); err != nil {
				return err
			}
		}
		return store(a, v)
	}
	return f.orError(errs.TypeMismatch, "BSON field 'create.clusteredIndex' is the wrong type '%s', expected types '[bool']")
}

func createCommand() *Command {
	flagOrNumber := append([]bsonraw.Type{bsonraw.Boolean}, numeric...)
	return definition[createArgs]{
		Command: Command{
			Name: "create", Group: Catalog, traits: writes | inTxn | numbered,
			Help:    "Makes a collection, with options, or a view. An insert makes a plain collection by itself.",
			Example: `{create: "users", validator: {$jsonSchema: {required: ["name"]}}}`, DB: "shop",
		},
		access: needing("createCollection on the collection, and for a view find on what it reads", func(n *needs, a *createArgs) {
			n.collection(a.coll, auth.CreateCollection)
			n.view(n.c.raw)
		}),
		fields: []field[createArgs]{
			collection("create", func(a *createArgs) *string { return &a.coll }),
			option("validator", "object", "A filter that documents must match, or {$jsonSchema: …}.", bsonraw.Object),
			choice(option("validationLevel", "string", "off, moderate or strict (the default).", bsonraw.String), "create.validationLevel", "off", "moderate", "strict"),
			choice(option("validationAction", "string", "error (the default) or warn.", bsonraw.String), "create.validationAction", "error", "warn"),
			option("viewOn", "string", "Make a view on this collection or view.", bsonraw.String),
			stages(option("pipeline", "array", "The view's pipeline.", bsonraw.Array), "create.pipeline"),
			form(option("collation", "object", `Only {locale: "simple"}.`, bsonraw.Object), collationTable),
			option("merge", "object", `How this collection merges: {unit: "field"|"document", trigger: "touched"|"diverged", operators: bool}.`, bsonraw.Object),
			option("capped", "bool", "Make a capped collection.", flagOrNumber...),
			positive(option("size", "number", "The most bytes of a capped collection.", numeric...)),
			option("max", "number", "The most documents of a capped collection.", numeric...),
			option("timeseries", "object", "Make a time series collection.", bsonraw.Object),
			option("expireAfterSeconds", "number", "Remove documents of a time series by their age.", numeric...),
			clusteredIndex(),
			form(option("changeStreamPreAndPostImages", "object", "They are always there; stored and shown.", bsonraw.Object), imagesTable("create")),
			option("indexOptionDefaults", "object", "Stored and shown.", bsonraw.Object),
			option("storageEngine", "object", "Stored and shown.", bsonraw.Object),
			ignored[createArgs]("idIndex", "The index on _id has one form.", bsonraw.Object),
			ignored[createArgs]("autoIndexId", "There is always an index on _id.", flagOrNumber...),
			ignored[createArgs]("flags", "Of MongoDB's first storage engine.", numeric...),
			refused[createArgs]("encryptedFields", "encrypt in the client"),
		},
		run: runCreate,
	}.build()
}

// checkCreate checks how options go together.
func checkCreate(options bsonraw.Doc) error {
	capped := options.Get("capped").Truthy()
	size, most, on := options.Get("size"), options.Get("max"), options.Get("viewOn")
	bad := func(text string) error { return errs.New(errs.InvalidOptions, "%s", text) }
	switch {
	case capped && size.IsMissing():
		return bad("the 'size' field is required when 'capped' is true")
	case !capped && (!size.IsMissing() || !most.IsMissing()):
		return bad("the 'capped' field needs to be true when either the 'size' or 'max' fields are present")
	case on.Type == bsonraw.String && on.Str() == "":
		return errs.New(errs.BadValue, "'viewOn' cannot be empty")
	case !options.Get("pipeline").IsMissing() && on.IsMissing():
		return bad("'pipeline' requires 'viewOn' to also be specified")
	}
	return nil
}

func runCreate(ctx context.Context, c *call, a *createArgs) (bsonraw.Doc, error) {
	if err := validCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	options := bsonraw.EmptyDoc
	if a.options != nil {
		options = a.options.Finish()
	}
	if err := checkCreate(options); err != nil {
		return nil, err
	}
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		have, err := t.Collection(ctx, a.coll)
		if err != nil {
			return err
		}
		if have != nil {
			return errs.New(errs.NamespaceExists, "Collection %s.%s already exists.", c.db, a.coll)
		}
		return t.CreateCollection(ctx, a.coll, options)
	})
	if err != nil {
		return nil, err
	}
	return c.answered(lsn), nil
}
