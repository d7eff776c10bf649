package publish

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func TestPublish(t *testing.T) {
	b := newBench(t)
	b.shop(10)
	b.update("exp", "orders", `{"_id": {"$lt": 3}}`, `{"$set": {"s": "y", "in.a": 2}}`)
	b.remove("exp", "orders", `{"_id": 5}`)
	b.insert("exp", "orders", `{"_id": 100, "n": {"$numberLong": "1"}}`)
	b.insert("exp", "more", `{"_id": "a"}`)
	before := b.live()

	plan, err := b.p.Plan(t.Context(), b.spec("exp"))
	require.NoError(t, err)
	require.Equal(t, Counts{Inserted: 2, Updated: 3, Deleted: 1, Catalog: 1}, plan.Counts)
	require.Len(t, plan.Changes, 6)
	require.Equal(t, "transactions", plan.Transport)
	same(t, before, b.live(), "a plan writes nothing")

	got, err := b.p.Publish(t.Context(), b.spec("exp"))
	require.NoError(t, err)
	require.Equal(t, stateDone, got.State)
	require.EqualValues(t, 6, got.Counts.Written)
	same(t, b.onBranch("exp"), b.live())

	again, err := b.p.Publish(t.Context(), b.spec("exp"))
	require.NoError(t, err)
	require.EqualValues(t, 7, again.Counts.Already, "six documents and a collection")
	require.Zero(t, again.Counts.Written)

	back, err := b.p.Rollback(t.Context(), &Again{ID: got.ID})
	require.NoError(t, err)
	require.Empty(t, back.Conflicts)
	same(t, before, b.live())
}

func TestConflictsAreNeverWritten(t *testing.T) {
	b := newBench(t)
	b.shop(6)
	b.update("exp", "orders", `{"_id": {"$lt": 3}}`, `{"$set": {"s": "y"}}`)
	b.remove("exp", "orders", `{"_id": 4}`)
	b.insert("exp", "orders", `{"_id": 7, "n": 7}`)
	b.do(`{"update": "orders", "updates": [
		{"q": {"_id": 0}, "u": {"$set": {"s": "z"}}},
		{"q": {"_id": 1}, "u": {"$set": {"n": 99}}},
		{"q": {"_id": 4}, "u": {"$set": {"late": 1}}},
		{"q": {"_id": 7}, "u": {"$set": {"n": 8}}, "upsert": true}]}`)
	b.do(`{"delete": "orders", "deletes": [{"q": {"_id": 2}, "limit": 1}]}`)
	before := b.live()

	_, err := b.p.Publish(t.Context(), b.spec("exp"))
	e := errs.As(err)
	require.Equal(t, errs.PublishConflict, e.Code)
	var report Report
	require.NoError(t, bson.Unmarshal(e.Details, &report))
	kinds := map[int32]string{}
	for _, c := range report.Conflicts {
		kinds[c.ID.Int32()] = c.Kind + " " + c.Path
	}
	require.Equal(t, map[int32]string{0: "changed s", 2: "missing ", 4: "changed late", 7: "exists "}, kinds)
	same(t, before, b.live(), "nothing was written")
	list, err := b.p.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)

	spec := b.spec("exp")
	spec.SkipConflicts = true
	got, err := b.p.Publish(t.Context(), spec)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Counts.Written)
	require.EqualValues(t, 4, got.Counts.Conflicts)
	require.Equal(t, mongotest.JSON(mongotest.Doc(`{"_id": 1, "n": 99, "s": "y", "in": {"a": 1, "b": [1, {"c": 1}]}}`)), mongotest.JSON(b.liveDocs("orders")[1]), "others' writes to other fields stay")

	spec.Guard = Document
	plan, err := b.p.Plan(t.Context(), spec)
	require.NoError(t, err)
	require.EqualValues(t, 6, plan.Counts.Conflicts, "and 1, which was published, for s and for n")
}

// The journal keeps the last publishes, which can be rolled back, and nothing of
// those before them.
func TestJournalIsPruned(t *testing.T) {
	b := newBench(t)
	b.shop(5)
	b.p.keep = 2
	var ids []string
	cut := b.cutAt(4)
	b.update("exp", "orders", `{"_id": 4}`, `{"$set": {"s": "cut"}}`)
	_, err := b.p.Publish(t.Context(), b.spec("exp"))
	require.ErrorIs(t, err, errFault)
	require.True(t, cut())
	unfinished := b.only()
	b.p = New(b.store)
	b.p.keep = 2
	for i := range 4 {
		b.update("exp", "orders", fmt.Sprintf(`{"_id": %d}`, i), fmt.Sprintf(`{"$set": {"s": "n%d"}}`, i))
		spec := b.spec("exp")
		spec.Filter = mongotest.Doc(fmt.Sprintf(`{"_id": %d}`, i))
		report, err := b.p.Publish(t.Context(), spec)
		require.NoError(t, err)
		ids = append(ids, report.ID)
		b.p.now = func() time.Time { return time.Now().Add(time.Duration(i+1) * time.Second) }
	}
	list, err := b.p.List(t.Context())
	require.NoError(t, err)
	var left []string
	for _, r := range list {
		left = append(left, r.ID)
	}
	require.ElementsMatch(t, append(ids[2:], unfinished), left)
	_, err = b.p.Rollback(t.Context(), &Again{ID: ids[1]})
	require.Equal(t, errs.PublishNotFound, errs.CodeOf(err))
	for _, id := range ids[2:] {
		report, err := b.p.Rollback(t.Context(), &Again{ID: id})
		require.NoError(t, err)
		require.EqualValues(t, 1, report.Counts.RolledBack)
	}
	for _, id := range append(ids[2:], unfinished) {
		require.NoError(t, b.p.Forget(t.Context(), id))
	}
	for _, kind := range []string{settingSteps, settingState, settingTxn, settingHeader} {
		settings, err := b.store.Settings(t.Context(), kind)
		require.NoError(t, err)
		require.Empty(t, settings, kind)
	}
}
