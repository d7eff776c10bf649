package publish

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// The journal is settings of the store:
//
//	publish       ID              the header: a Report and what a resumption needs
//	publishSteps  ID/000001       a batch: {ordered, steps: [{c, pre, post}]}
//	publishState  ID/000001       how far the batch is: see batchState
//	publishTxn    LSID:NUMBER     {id, batch}: whose transaction that is
//
// A batch is written once, with all others, before the first write to the
// target. Its state is written before and after the target is.
const (
	settingHeader = "publish"
	settingSteps  = "publishSteps"
	settingState  = "publishState"
	settingTxn    = "publishTxn"
)

// header is the journal's first document.
type header struct {
	Report    `bson:",inline"`
	Auth      bool     `bson:"auth"` // the connection string had a user, which is not kept
	AllowDrop bool     `bson:"allowDrop"`
	Skip      bool     `bson:"skipConflicts"`
	Batches   []string `bson:"batches"`
	Session   bson.Raw `bson:"session,omitempty"` // of the run that may have been cut off
	Planned   int64    `bson:"planConflicts"`     // how many conflicts the plan had
	Listed    int      `bson:"planListed"`        // and how many of them are listed
}

// batchState says how far a batch is.
type batchState struct {
	State   string     `bson:"state"`
	LSID    bson.Raw   `bson:"lsid,omitempty"`
	Txn     int64      `bson:"txn,omitempty"`
	Txns    []string   `bson:"txns,omitempty"` // the names of all that it had, also of those that failed
	Outcome []byte     `bson:"outcome"`        // of each step
	Kept    []Conflict `bson:"conflicts,omitempty"`
	Doing   []Conflict `bson:"doing,omitempty"` // of the transaction that is being committed
	Back    []Conflict `bson:"rollbackConflicts,omitempty"`
}

// The states of a batch.
const (
	batchPlanned    = "planned"
	batchCommitting = "committing" // its transaction is being committed, or its steps written one by one
	batchApplied    = "applied"
	batchUndoing    = "undoing" // as committing, of the steps back
	batchUndone     = "undone"
)

// outcome of a step.
const (
	pending byte = iota
	written      // by this publish
	asIs         // the target had it so already
	refused      // a conflict
	undone       // written and rolled back
	kept         // written, and not rolled back: a conflict
)

// batch is what is written together.
type batch struct {
	name    string
	ordered bool // one by one, although the server has transactions
	steps   []step
	state   batchState
}

func (b *batch) document() bsonraw.Doc {
	w := bsonraw.NewBuilder(nil)
	w.Bool("ordered", b.ordered)
	w.BeginArray("steps")
	for i := range b.steps {
		s := &b.steps[i]
		w.BeginDoc(bsonraw.Index(i))
		w.String("c", s.coll)
		if s.pre != nil {
			w.Doc("pre", s.pre)
		}
		if s.post != nil {
			w.Doc("post", s.post)
		}
		w.End()
	}
	w.End()
	return w.Finish()
}

// journal reads and writes one publish.
type journal struct {
	store *engine.Store
	head  *header
}

func (j *journal) name(batch string) string { return j.head.ID + "/" + batch }

// saveHeader writes the header.
func (j *journal) saveHeader(ctx context.Context) error {
	doc, err := encode(j.head)
	if err != nil {
		return err
	}
	return j.store.PutSetting(ctx, settingHeader, j.head.ID, doc)
}

// addBatch writes a batch, planned.
func (j *journal) addBatch(ctx context.Context, b *batch) error {
	b.name = batchName(len(j.head.Batches) + 1)
	if err := j.store.PutSetting(ctx, settingSteps, j.name(b.name), b.document()); err != nil {
		return err
	}
	j.head.Batches = append(j.head.Batches, b.name)
	return nil
}

// batch reads a batch and how far it is.
func (j *journal) batch(ctx context.Context, name string) (*batch, error) {
	doc, ok, err := j.store.Setting(ctx, settingSteps, j.name(name))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errs.New(errs.StoreCorrupt, "the journal of publish %s has no batch %s", j.head.ID, name)
	}
	b := &batch{name: name, ordered: doc.Get("ordered").Truthy()}
	steps := doc.Get("steps").Doc()
	elements(steps, func(_ int, v bsonraw.Value) {
		d := v.Doc()
		b.steps = append(b.steps, step{coll: d.Get("c").Str(), pre: docOf(d.Get("pre")), post: docOf(d.Get("post"))})
	})
	b.state = batchState{State: batchPlanned, Outcome: make([]byte, len(b.steps))}
	if doc, ok, err = j.store.Setting(ctx, settingState, j.name(name)); err != nil || !ok {
		return b, err
	}
	if err := bson.Unmarshal(doc, &b.state); err != nil || len(b.state.Outcome) != len(b.steps) {
		return nil, errs.New(errs.StoreCorrupt, "the state of batch %s of publish %s cannot be read", name, j.head.ID)
	}
	return b, nil
}

// docOf is a document; nil if the value is missing.
func docOf(v bsonraw.Value) bsonraw.Doc {
	if v.IsMissing() {
		return nil
	}
	return v.Doc()
}

// saveState writes how far a batch is, and, where it has one, whose transaction
// that is.
func (j *journal) saveState(ctx context.Context, b *batch) error {
	var txns []engine.SettingWrite
	if b.state.Txn > 0 && (b.state.State == batchCommitting || b.state.State == batchUndoing) {
		doc, err := encode(bson.D{{Key: "id", Value: j.head.ID}, {Key: "batch", Value: b.name}})
		if err != nil {
			return err
		}
		name := txnName(bsonraw.Doc(b.state.LSID), b.state.Txn)
		txns = append(txns, engine.SettingWrite{Kind: settingTxn, Name: name, Doc: doc})
		b.state.Txns = append(b.state.Txns, name)
	}
	doc, err := encode(&b.state)
	if err != nil {
		return err
	}
	return j.store.PutSettings(ctx, append(txns, engine.SettingWrite{Kind: settingState, Name: j.name(b.name), Doc: doc}))
}

// replaceBatch puts two batches in the place of one.
func (j *journal) replaceBatch(ctx context.Context, old *batch, halves ...*batch) error {
	i := slices.Index(j.head.Batches, old.name)
	names := make([]string, len(halves))
	var list []engine.SettingWrite
	for n, half := range halves {
		names[n] = half.name
		state, err := encode(&half.state)
		if err != nil {
			return err
		}
		list = append(list,
			engine.SettingWrite{Kind: settingSteps, Name: j.name(half.name), Doc: half.document()},
			engine.SettingWrite{Kind: settingState, Name: j.name(half.name), Doc: state})
	}
	batches := slices.Replace(slices.Clone(j.head.Batches), i, i+1, names...)
	j.head.Batches = batches
	head, err := encode(j.head)
	if err != nil {
		return err
	}
	list = append(list, engine.SettingWrite{Kind: settingHeader, Name: j.head.ID, Doc: head},
		engine.SettingWrite{Kind: settingSteps, Name: j.name(old.name)}, engine.SettingWrite{Kind: settingState, Name: j.name(old.name)})
	return j.store.PutSettings(ctx, list)
}

// txnName is the setting's name of a transaction. Of a session's id only "id"
// counts: the source adds who the user is.
func txnName(lsid bsonraw.Doc, txn int64) string {
	_, id := []byte(nil), []byte(nil)
	if v := lsid.Get("id"); v.Type == bsonraw.Binary {
		_, id = v.Binary()
	}
	return hex.EncodeToString(id) + ":" + strconv.FormatInt(txn, 10)
}

// remove removes everything of a publish, also of one whose planning was cut off
// before the header had its batches. The header goes last: what is left of a
// removal that is cut off can be removed again.
func (j *journal) remove(ctx context.Context) error {
	names := slices.Clone(j.head.Batches)
	for n := 1; ; n++ {
		_, ok, err := j.store.Setting(ctx, settingSteps, j.name(batchName(n)))
		if err != nil {
			return err
		}
		switch {
		case ok:
			names = append(names, batchName(n))
		case n > len(j.head.Batches):
			return j.removeBatches(ctx, names)
		}
	}
}

func (j *journal) removeBatches(ctx context.Context, names []string) error {
	for _, name := range names {
		name = j.name(name)
		state, _, err := j.store.Setting(ctx, settingState, name)
		if err != nil {
			return err
		}
		list := []engine.SettingWrite{{Kind: settingSteps, Name: name}, {Kind: settingState, Name: name}}
		elements(state.Get("txns").Doc(), func(_ int, v bsonraw.Value) {
			list = append(list, engine.SettingWrite{Kind: settingTxn, Name: v.Str()})
		})
		if err := j.store.PutSettings(ctx, list); err != nil {
			return err
		}
	}
	return j.store.PutSetting(ctx, settingHeader, j.head.ID, nil)
}

// keepFinished is how many publishes that are done, or rolled back, stay in the
// journal: they can be listed, and rolled back.
const keepFinished = 20

// prune removes the oldest of those that are over, at the end of each. What was
// cut off stays until somebody decides.
func (p *Publisher) prune(ctx context.Context) error {
	list, err := p.List(ctx) // oldest first
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(r *Report) bool { return r.State != stateDone && r.State != stateRolledBack })
	for _, r := range list[:max(len(list)-p.keep, 0)] {
		err := p.Forget(ctx, r.ID)
		switch errs.CodeOf(err) {
		case errs.ConflictingOperation, errs.PublishNotFound: // in use, or gone
		default:
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func batchName(n int) string { return fmt.Sprintf("%06d", n) }

// load reads a publish's header.
func (p *Publisher) load(ctx context.Context, id string) (*journal, error) {
	doc, ok, err := p.store.Setting(ctx, settingHeader, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errs.New(errs.PublishNotFound, "there is no publish %q", id).WithRemedy("list them: argon publish --list")
	}
	j := &journal{store: p.store, head: &header{}}
	if err := bson.Unmarshal(doc, j.head); err != nil {
		return nil, errs.Wrap(err, errs.StoreCorrupt, "the journal of publish %s", id)
	}
	return j, nil
}

// Published tells whose transaction a session's is: the id of the publish that
// made it.
func (p *Publisher) Published(ctx context.Context, lsid bsonraw.Doc, txn int64) (id string, ok bool, err error) {
	return Published(ctx, p.store, lsid, txn)
}

// Published tells whose transaction a session's is. A change stream shows lsid
// and txnNumber of each transaction.
func Published(ctx context.Context, store *engine.Store, lsid bsonraw.Doc, txn int64) (id string, ok bool, err error) {
	doc, ok, err := store.Setting(ctx, settingTxn, txnName(lsid, txn))
	if err != nil || !ok {
		return "", false, err
	}
	return doc.Get("id").Str(), true, nil
}
