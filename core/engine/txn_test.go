package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

func (s *scenario) begin(branch string) *Txn {
	t, err := s.store.Begin(s.ctx, head(branch), CommitMeta{})
	require.NoError(s, err)
	s.Cleanup(t.Abort)
	return t
}

func (s *scenario) set(t *Txn, filter, change string) error {
	_, err := t.Update(s.ctx, "c", &UpdateSpec{Filter: s.js(filter), Update: s.js(change).Value()})
	return err
}

func TestATransactionSeesItsSnapshotAndItsWrites(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"a":1}`, `{"_id":2,"a":1}`)
	txn := s.begin("main")
	s.update("main", "c", `{"_id":2}`, `{"$set":{"a":2}}`)
	require.NoError(t, s.set(txn, `{"_id":1}`, `{"$set":{"a":5}}`))
	cur, err := txn.Find(s.ctx, "c", &FindSpec{})
	require.NoError(t, err)
	docs := drain(t, s.ctx, cur)
	require.Equal(t, `{"_id":1,"a":5}`, s.text(docs[0]))
	require.Equal(t, `{"_id":2,"a":1}`, s.text(docs[1]))
	require.Equal(t, []string{`{"_id":1,"a":1}`, `{"_id":2,"a":2}`}, s.docs("main", "c"))
	_, err = txn.Commit(s.ctx)
	require.NoError(t, err)
	require.Equal(t, []string{`{"_id":1,"a":5}`, `{"_id":2,"a":2}`}, s.docs("main", "c"))
	_, err = txn.Commit(s.ctx)
	require.Equal(t, errs.NoSuchTransaction, errs.CodeOf(err))
}

func TestTheFirstWriterWins(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"a":1}`, `{"_id":2,"a":1}`)

	one, two := s.begin("main"), s.begin("main")
	require.NoError(t, s.set(one, `{"_id":1}`, `{"$inc":{"a":1}}`))
	err := s.set(two, `{"_id":1}`, `{"$inc":{"a":1}}`)
	require.Equal(t, errs.WriteConflict, errs.CodeOf(err), "at once, as in MongoDB")
	require.Contains(t, errs.As(err).Labels, "TransientTransactionError")
	one.Abort()

	three := s.begin("main")
	require.NoError(t, s.set(three, `{"_id":2}`, `{"$inc":{"a":1}}`))
	s.update("main", "c", `{"_id":2}`, `{"$inc":{"a":10}}`)
	_, err = three.Commit(s.ctx)
	require.Equal(t, errs.WriteConflict, errs.CodeOf(err))
	require.Equal(t, []string{`{"_id":1,"a":1}`, `{"_id":2,"a":11}`}, s.docs("main", "c"))
}

func TestAKeyOfAUniqueIndexTakenMeanwhileIsAConflict(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"k":1}`)
	require.NoError(t, s.createIndex("main", "c", `{"key":{"k":1},"name":"k_1","unique":true}`))
	txn := s.begin("main")
	res, err := txn.Insert(s.ctx, "c", []Doc{s.js(`{"_id":2,"k":2}`)}, true)
	require.NoError(t, err)
	require.Empty(t, res.Errors)
	s.insert("main", "c", `{"_id":3,"k":2}`)
	_, err = txn.Commit(s.ctx)
	require.Equal(t, errs.WriteConflict, errs.CodeOf(err))
}

func TestARestoreEndsOpenTransactions(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"a":1}`)
	s.insert("main", "c", `{"_id":2}`)
	txn := s.begin("main")
	require.NoError(t, s.set(txn, `{"_id":1}`, `{"$inc":{"a":1}}`))
	_, _, err := s.store.Restore(s.ctx, s.ref("main@-1"), CommitMeta{})
	require.NoError(t, err)
	_, err = txn.Commit(s.ctx)
	require.Equal(t, errs.WriteConflict, errs.CodeOf(err))
}

func TestDuplicateKeys(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"k":1}`)
	require.NoError(t, s.createIndex("main", "c", `{"key":{"k":1},"name":"k_1","unique":true}`))
	docs := []Doc{
		s.js(`{"_id":2,"k":2}`), s.js(`{"_id":2,"k":3}`), s.js(`{"_id":1.0}`), s.js(`{"_id":4,"k":1.0}`), s.js(`{"_id":5,"k":5}`),
	}
	for _, ordered := range []bool{true, false} {
		_, err := s.store.Write(s.ctx, head("main"), CommitMeta{}, func(txn *Txn) error {
			res, err := txn.Insert(s.ctx, "c", docs, ordered)
			require.NoError(t, err)
			if ordered {
				require.EqualValues(t, 1, res.Inserted)
				require.Len(t, res.Errors, 1)
				require.Equal(t, 1, res.Errors[0].Index)
				require.Equal(t, errs.DuplicateKey, errs.CodeOf(res.Errors[0].Err))
				return nil
			}
			require.EqualValues(t, 1, res.Inserted, "of the rest, only 5 is new")
			require.Len(t, res.Errors, 4)
			key := Doc(errs.As(res.Errors[3].Err).Details)
			require.Equal(t, `{"keyPattern":{"k":1},"keyValue":{"k":1.0}}`, s.text(key))
			return nil
		})
		require.NoError(t, err)
	}
	require.NoError(t, s.createIndex("main", "d", `{"key":{"x":1},"name":"x_1","unique":true}`))
	s.insert("main", "e", `{"_id":1}`, `{"_id":2}`)
	err := s.createIndex("main", "e", `{"key":{"x":1},"name":"x_1","unique":true}`)
	require.Equal(t, errs.DuplicateKey, errs.CodeOf(err), "two documents without the field")
}

func TestStatementsOfOneCommandSeeEachOther(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"k":1}`, `{"_id":2,"k":2}`, `{"_id":3,"k":3}`)
	require.NoError(t, s.createIndex("main", "c", `{"key":{"k":1},"name":"k_1"}`))
	s.write("main", "me", func(txn *Txn) error {
		require.NoError(t, s.set(txn, `{"k":1}`, `{"$set":{"k":10}}`))
		require.NoError(t, s.set(txn, `{"k":10}`, `{"$inc":{"k":1}}`))
		n, err := txn.Delete(s.ctx, "c", &DeleteSpec{Filter: s.js(`{"k":{"$gte":3}}`), Multi: true})
		require.EqualValues(t, 2, n)
		require.NoError(t, err)
		res, err := txn.Insert(s.ctx, "c", []Doc{s.js(`{"_id":3,"k":7}`)}, true)
		require.Empty(t, res.Errors)
		return err
	})
	require.Equal(t, []string{`{"_id":2,"k":2}`, `{"_id":3,"k":7}`}, s.docs("main", "c"))
	snap, err := s.store.Snapshot(s.ctx, head("main"))
	require.NoError(t, err)
	n, err := snap.Count(s.ctx, "c", &CountSpec{Filter: s.js(`{"k":7}`), Hint: bsonraw.StringValue("k_1")})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}
