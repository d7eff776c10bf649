package publish

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/update"
)

// maxStages is how long a pipeline of an update may be; mongod's own limit is
// 1,000.
const maxStages = 900

// pipelineOf returns an update that leads from pre to post, both present, and
// the paths that its guard has to cover; none are the whole document.
//
// It is a pipeline and not $set and $unset, which add new fields in the order of
// their names, read numbers in a path as places of an array, and cannot name
// fields with a dot or a dollar sign. Stages are run in order, so that the
// result has post's order of fields.
func pipelineOf(pre, post bsonraw.Doc) (stages []bsonraw.Value, paths []string) {
	changes := update.DiffDocs(pre, post)
	paths = touched(pre, post)
	gone := map[string]bool{}
	for i := 0; i < len(changes) && len(paths) > 0; {
		n := sameRun(changes[i:])
		for _, c := range changes[i : i+n] {
			if gone[c.Path] {
				stages = append(stages, rebuilt)
				clear(gone)
			}
			if c.Kind == update.Unset {
				gone[c.Path] = true
			}
		}
		stages = append(stages, stageOf(changes[i:i+n]).Value())
		i += n
	}
	if len(paths) == 0 || len(stages) > maxStages {
		return []bsonraw.Value{operator("$replaceWith", literal(post.Value()).Value()).Value()}, nil
	}
	return stages, paths
}

// rebuilt is a stage that makes the document anew: mongod keeps the place of a
// removed field, and would put it there again when a later stage sets it.
var rebuilt = operator("$replaceWith", operator("$mergeObjects", bsonraw.StringValue("$$ROOT")).Value()).Value()

// sameRun returns how many changes fit into one stage: several of one kind with
// plain names, or one.
func sameRun(changes []update.Change) int {
	n := 0
	for n < len(changes) && changes[n].Kind == changes[0].Kind && plainPath(changes[n].Path) != "" {
		n++
	}
	return max(n, 1)
}

// plainPath returns a path as a stage takes it; empty if it cannot.
func plainPath(path string) string {
	joined := ""
	for i, name := range update.SplitPath(path) {
		if !plain(name) {
			return ""
		}
		if i > 0 {
			joined += "."
		}
		joined += name
	}
	return joined
}

func stageOf(changes []update.Change) bsonraw.Doc {
	first := changes[0]
	b := bsonraw.NewBuilder(nil)
	switch {
	case plainPath(first.Path) == "":
		v := bsonraw.StringValue("$$REMOVE")
		if first.Kind == update.Set {
			v = literal(first.Operand).Value()
		}
		b.Value("$replaceWith", setField(access{}, update.SplitPath(first.Path), v))
	case first.Kind == update.Set:
		b.BeginDoc("$set")
		for _, c := range changes {
			b.Doc(plainPath(c.Path), literal(c.Operand))
		}
		b.End()
	default:
		names := make([]bsonraw.Value, len(changes))
		for i, c := range changes {
			names[i] = bsonraw.StringValue(plainPath(c.Path))
		}
		b.Array("$unset", bsonraw.ArrayOf(names...))
	}
	return b.Finish()
}

// setField is the object at a place with the field below it that names lead to
// set to v.
func setField(in access, names []string, v bsonraw.Value) bsonraw.Value {
	if len(names) > 1 {
		v = setField(in.field(names[0]), names[1:], v)
	}
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc("$setField")
	b.Doc("field", literal(bsonraw.StringValue(names[0])))
	b.Value("input", in.value())
	b.Value("value", v)
	b.End()
	return b.Finish().Value()
}

// updateOf is the statement of an update command that makes post of pre.
func updateOf(pre, post bsonraw.Doc, how Guard) bsonraw.Doc {
	stages, paths := pipelineOf(pre, post)
	if how == Document {
		paths = nil
	}
	return updateStatement(filterOf(pre, paths), stages, false)
}

// insertOf is an update that inserts a document and touches none that is there.
// An insert command would put the time into an empty timestamp at the top; a
// pipeline stores what it is given.
func insertOf(post bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Doc("_id", operator("$eq", post.Get("_id")))
	b.Int32("$alwaysFalse", 1)
	stage := operator("$replaceWith", literal(post.Value()).Value())
	return updateStatement(b.Finish(), []bsonraw.Value{stage.Value()}, true)
}

func updateStatement(filter bsonraw.Doc, stages []bsonraw.Value, upsert bool) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Doc("q", filter)
	b.Array("u", bsonraw.ArrayOf(stages...))
	if upsert {
		b.Bool("upsert", true)
	}
	b.Doc("collation", simple)
	return b.Finish()
}

// deleteOf is the statement of a delete command that removes exactly pre.
func deleteOf(pre bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Doc("q", filterOf(pre, nil))
	b.Int32("limit", 1)
	b.Doc("collation", simple)
	return b.Finish()
}

// simple is the collation that compares texts by their bytes.
var simple = operator("locale", bsonraw.StringValue("simple"))

// emptyTimestamp reports whether an insert command would change a document.
func emptyTimestamp(doc bsonraw.Doc) bool {
	it := doc.Iter()
	for it.Next() {
		if v := it.Value(); v.Type == bsonraw.Timestamp && v.Int64() == 0 && string(it.Key()) != "_id" {
			return true
		}
	}
	return false
}
