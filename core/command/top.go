package command

import (
	"context"
	"sort"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
)

// Usage of collections, for top: each list of running commands counts what has
// run in it.

// kindOfUse is what a command does to its collection, in MongoDB's words.
type kindOfUse uint8

const (
	useQueries kindOfUse = iota
	useGetMore
	useInsert
	useUpdate
	useRemove
	useCommands
	numUses
)

var useNames = [numUses]string{"queries", "getmore", "insert", "update", "remove", "commands"}

type usage [numUses]struct{ micros, count int64 }

// maxUsages bounds the memory for names that clients make up.
const maxUsages = 2000

// usages are by database and collection.
type usages struct {
	byDB map[string]map[string]*usage
	n    int
}

// find returns the usage of a collection, nil if there are too many.
func (u *usages) find(db string, coll []byte) *usage {
	byName := u.byDB[db]
	if use := byName[string(coll)]; use != nil {
		return use
	}
	if u.n >= maxUsages {
		return nil
	}
	if u.byDB == nil {
		u.byDB = map[string]map[string]*usage{}
	}
	if byName == nil {
		byName = map[string]*usage{}
		u.byDB[db] = byName
	}
	u.n++
	use := new(usage)
	byName[string(coll)] = use
	return use
}

// note counts a command that has run. The list is locked.
func (u *usages) note(c *call, took time.Duration) {
	if !c.cmd.has(reads | writes) {
		return
	}
	it := c.raw.Iter()
	if !it.Next() || it.Value().Type != bsonraw.String {
		return
	}
	if use := u.find(c.db, it.Value().StringBytes()); use != nil {
		use[c.cmd.use].micros += took.Microseconds()
		use[c.cmd.use].count++
	}
}

// useOf is what a command counts as.
func useOf(name string) kindOfUse {
	switch name {
	case "find", "count", "distinct":
		return useQueries
	case "getMore":
		return useGetMore
	case "insert":
		return useInsert
	case "update", "findAndModify":
		return useUpdate
	case "delete":
		return useRemove
	}
	return useCommands
}

func topCommand() *Command {
	return asking(Command{
		Name: "top", Group: Server, traits: adminOnly,
		Help:    "Says how often, and for how many microseconds, each collection was used since the store was opened.",
		Example: `{top: 1}`, DB: "admin",
	}, onCluster[noArgs](auth.Top), func(_ context.Context, c *call) (bsonraw.Doc, error) {
		b := c.reply(4096)
		b.BeginDoc("totals")
		b.String("note", "all times in microseconds")
		all := c.d.ops.usages()
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			appendUsage(b, name, all[name])
		}
		b.End()
		return c.ok(), nil
	})
}

// usages adds up what the lists have counted.
func (o *ops) usages() map[string]*usage {
	all := map[string]*usage{}
	for i := range o {
		l := &o[i]
		l.mu.Lock()
		for db, byName := range l.used.byDB {
			for coll, use := range byName {
				sum := all[db+"."+coll]
				if sum == nil {
					sum = new(usage)
					all[db+"."+coll] = sum
				}
				for k := range use {
					sum[k].micros += use[k].micros
					sum[k].count += use[k].count
				}
			}
		}
		l.mu.Unlock()
	}
	return all
}

func appendUsage(b *bsonraw.Builder, name string, use *usage) {
	one := func(name string, micros, count int64) {
		b.BeginDoc(name)
		b.Int64("time", micros)
		b.Int64("count", count)
		b.End()
	}
	sum := func(kinds ...kindOfUse) (micros, count int64) {
		for _, k := range kinds {
			micros, count = micros+use[k].micros, count+use[k].count
		}
		return micros, count
	}
	b.BeginDoc(name)
	total, n := sum(useQueries, useGetMore, useInsert, useUpdate, useRemove, useCommands)
	one("total", total, n)
	total, n = sum(useQueries, useGetMore)
	one("readLock", total, n)
	total, n = sum(useInsert, useUpdate, useRemove)
	one("writeLock", total, n)
	for k, label := range useNames {
		one(label, use[k].micros, use[k].count)
	}
	b.End()
}
