package command

import (
	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
)

// Every collection that a pipeline reads or writes, wherever in it the stage
// stands, has to be granted. A view stands for itself: who defines it has to be
// allowed to read what is behind it, who reads it only the view.

// pipeline asks for what the stages of a pipeline on coll need. coll is "" for
// a pipeline on the database.
func (n *needs) pipeline(coll string, stages []bsonraw.Doc) {
	first := ""
	if len(stages) > 0 {
		it := stages[0].Iter()
		if it.Next() {
			first = string(it.Key())
		}
	}
	switch {
	case first == "$changeStream":
		n.changeStream(coll, stages[0].Get(first).Doc())
	case first == "$currentOp":
		if spec := stages[0].Get(first).Doc(); spec != nil && spec.Get("allUsers").Truthy() {
			n.cluster(auth.Inprog)
		}
	case first == "$listSessions", first == "$listLocalSessions":
		n.cluster(auth.ListSessions)
	case first == "$collStats":
		n.collection(coll, auth.CollStats)
	case coll != "":
		n.collection(coll, auth.Find)
	}
	for _, s := range stages {
		n.stage(s)
	}
}

// changeStream asks for a stream of a collection, a branch, a project or the whole
// store.
func (n *needs) changeStream(coll string, spec bsonraw.Doc) {
	if spec != nil && spec.Get("allChangesForCluster").Truthy() {
		n.add(auth.Target{Project: "*", Branch: "*"}, []auth.Action{auth.ChangeStream, auth.Find})
		return
	}
	if spec != nil && spec.Get("argonAllBranches").Truthy() {
		n.inBranch("*", "", auth.ChangeStream, auth.Find)
		return
	}
	n.collection(coll, auth.ChangeStream, auth.Find)
}

func (n *needs) stage(stage bsonraw.Doc) {
	it := stage.Iter()
	for it.Next() {
		v := it.Value()
		switch string(it.Key()) {
		case "$lookup", "$graphLookup":
			n.from(v, "from")
		case "$unionWith":
			n.from(v, "coll")
		case "$facet":
			facets := v.Doc().Iter()
			for v.Type == bsonraw.Object && facets.Next() {
				n.stages(facets.Value())
			}
		case "$out":
			n.named(v, auth.Insert, auth.Remove)
		case "$merge":
			into := v
			if v.Type == bsonraw.Object {
				into = v.Doc().Get("into")
			}
			n.named(into, auth.Insert, auth.Update)
		}
	}
}

// stages asks for a pipeline inside another one.
func (n *needs) stages(v bsonraw.Value) {
	if v.Type != bsonraw.Array {
		return // the pipeline will not parse
	}
	it := v.Doc().Iter()
	for it.Next() {
		if it.Value().Type == bsonraw.Object {
			n.stage(it.Value().Doc())
		}
	}
}

// from asks for the collection that a stage reads: a name, or in a document a
// name or {db, coll}, with a pipeline beside it.
func (n *needs) from(v bsonraw.Value, field string) {
	if v.Type == bsonraw.Object {
		spec := v.Doc()
		n.stages(spec.Get("pipeline"))
		v = spec.Get(field)
		if db := spec.Get("db"); field == "coll" && db.Type == bsonraw.String && v.Type == bsonraw.String {
			n.database(db.Str(), v.Str(), auth.Find)
			return
		}
	}
	n.named(v, auth.Find)
}

// named asks for a collection by name, or by {db, coll}.
func (n *needs) named(v bsonraw.Value, actions ...auth.Action) {
	switch v.Type {
	case bsonraw.String:
		n.collection(v.Str(), actions...)
	case bsonraw.Object:
		db, coll := v.Doc().Get("db"), v.Doc().Get("coll")
		if db.Type == bsonraw.String && coll.Type == bsonraw.String {
			n.database(db.Str(), coll.Str(), actions...)
		}
	}
}

// view asks for what a view is defined on.
func (n *needs) view(spec bsonraw.Doc) {
	on := spec.Get("viewOn")
	if on.Type != bsonraw.String {
		return
	}
	n.collection(on.Str(), auth.Find)
	n.stages(spec.Get("pipeline"))
}
