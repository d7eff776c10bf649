package pipeline

import (
	"context"
	"hash/maphash"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/expr"
)

// groupTable holds the groups of one run of $group.
//
// When its memory is full it takes no new groups: documents of groups it does
// not hold go to temporary files, split by a hash of the key, and each file is
// grouped afterwards in the same way (hybrid hash aggregation). A group's
// documents are so always added in their order, whatever accumulator it has.
// Rejected: merging partial results, which every accumulator would have to be
// able to write, read and merge.
type groupTable struct {
	stage *groupStage
	r     *run
	level int // how often its documents have been split already

	env, keyEnv *expr.Env
	key         []byte
	values      []bsonraw.Value // of the _id's parts
	groups      map[string]*group
	order       []*group
	size        int
	parts       [partitions]*spillFile // nil until memory is full
	full        bool
	seed        maphash.Seed

	out     bsonraw.Builder
	at      int         // of order, handed out so far
	part    int         // of parts, grouped so far
	current *groupTable // of a part
}

// partitions is into how many files the documents of new groups are split;
// maxLevels is how often they are split again. Beyond that (a limit far too
// small, or hashes that collide) memory grows.
const (
	partitions = 16
	maxLevels  = 6
)

// missingPart stands in the key for a part of an _id that has no value. No
// encoded value begins with it.
const missingPart = 0x01

// hardFactor is how far the groups in a full table may still grow.
const hardFactor = 4

// group is one group: its _id as first seen, and its accumulators.
type group struct {
	id   bsonraw.Value
	accs []expr.Accumulator
	size int
}

// groupOverhead is what a group takes besides its _id and accumulators.
const groupOverhead = 128

func newGroupTable(g *groupStage, r *run, level int) *groupTable {
	return &groupTable{
		stage: g, r: r, level: level, env: r.env(), keyEnv: r.env(),
		groups: map[string]*group{}, values: make([]bsonraw.Value, len(g.ids)), seed: maphash.MakeSeed(),
	}
}

// add puts a document into its group.
func (t *groupTable) add(doc bsonraw.Doc) error {
	t.env.Reset(doc)
	t.key = t.key[:0]
	for i, e := range t.stage.ids {
		v, err := e.Eval(t.env)
		if err != nil {
			return err
		}
		switch {
		case v.Type != bsonraw.Missing:
		case len(t.stage.ids) == 1:
			v.Type = bsonraw.Null
		default:
			// Left out of the _id, and so another group than null.
			t.values[i] = v
			t.key = append(t.key, missingPart)
			continue
		}
		t.values[i] = v
		t.key = bsonraw.AppendKey(t.key, v)
	}
	g, ok := t.groups[string(t.key)]
	if !ok {
		if t.full {
			return t.spill(doc)
		}
		var err error
		if g, err = t.newGroup(); err != nil {
			return err
		}
	}
	return t.accumulate(g)
}

func (t *groupTable) accumulate(g *group) error {
	size := 0
	for _, a := range g.accs {
		if err := a.Add(t.env); err != nil {
			return err
		}
		size += a.Size()
	}
	t.size += size - g.size
	g.size = size
	if t.size > t.r.limit() {
		return t.overLimit()
	}
	return nil
}

// overLimit stops the table from taking new groups.
func (t *groupTable) overLimit() error {
	switch {
	case !t.r.maySpill():
		return t.r.tooMuch("$group")
	case t.size > hardFactor*t.r.limit():
		return t.r.cannotSpill("$group: its groups")
	}
	t.full = t.level < maxLevels
	return nil
}

func (t *groupTable) newGroup() (*group, error) {
	g := &group{id: t.id()}
	root := bsonraw.EmptyDoc
	if g.id.Type == bsonraw.Object {
		root = g.id.Doc()
	}
	t.keyEnv.Reset(root)
	g.accs = make([]expr.Accumulator, len(t.stage.fields))
	for i, f := range t.stage.fields {
		a, err := f.factory.New(t.keyEnv)
		if err != nil {
			return nil, err
		}
		g.accs[i] = a
	}
	t.groups[string(t.key)] = g
	t.order = append(t.order, g)
	t.size += groupOverhead + len(t.key) + len(g.id.Data)
	return g, nil
}

// id makes the _id of a new group.
func (t *groupTable) id() bsonraw.Value {
	if t.stage.names == nil {
		return t.values[0].Clone()
	}
	t.out.Reset()
	for i, v := range t.values {
		t.out.Value(t.stage.names[i], v)
	}
	return t.out.Finish().Value().Clone()
}

// spill writes a document of a new group to the file of its part.
func (t *groupTable) spill(doc bsonraw.Doc) error {
	part := maphash.Bytes(t.seed, t.key) % partitions
	if t.parts[part] == nil {
		f, err := t.r.newSpill()
		if err != nil {
			return err
		}
		t.parts[part] = f
	}
	return t.parts[part].write(nil, doc)
}

// next hands out the groups in memory, then those of each part.
func (t *groupTable) next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if t.at < len(t.order) {
		g := t.order[t.at]
		t.order[t.at] = nil
		t.at++
		doc, err := t.result(g)
		return doc, err == nil, err
	}
	t.groups, t.order, t.at = nil, nil, 0
	for {
		if t.current != nil {
			doc, ok, err := t.current.next(ctx)
			if err != nil || ok {
				return doc, ok, err
			}
			if err := t.current.close(); err != nil {
				return nil, false, err
			}
			t.current = nil
		}
		if t.part == partitions {
			return nil, false, nil
		}
		if err := t.nextPart(ctx); err != nil {
			return nil, false, err
		}
	}
}

// nextPart groups the documents of the next part.
func (t *groupTable) nextPart(ctx context.Context) error {
	f := t.parts[t.part]
	t.part++
	if f == nil {
		return nil
	}
	records, err := f.reader(0, f.size)
	if err != nil {
		return err
	}
	t.current = newGroupTable(t.stage, t.r, t.level+1)
	for {
		ok, err := records.next()
		if err != nil {
			return err
		}
		if !ok {
			return f.close()
		}
		if err := ctx.Err(); err != nil {
			return canceled(err)
		}
		if err := t.current.add(records.doc); err != nil {
			return err
		}
	}
}

// result makes the document of a group.
func (t *groupTable) result(g *group) (bsonraw.Doc, error) {
	t.out.Reset()
	t.out.Value("_id", g.id)
	t.env.Reset(bsonraw.EmptyDoc)
	for i, f := range t.stage.fields {
		v, err := g.accs[i].Result(t.env)
		if err != nil {
			return nil, err
		}
		if v.Type == bsonraw.Missing {
			v.Type = bsonraw.Null
		}
		t.out.Value(f.name, v)
	}
	return t.out.Finish(), nil
}

func (t *groupTable) close() error {
	var first error
	if t.current != nil {
		first = t.current.close()
	}
	for _, f := range t.parts {
		if err := f.close(); first == nil {
			first = err
		}
	}
	t.groups, t.order, t.current = nil, nil, nil
	return first
}
