package command

import (
	"context"
	"sort"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// Group is a chapter of the command reference.
type Group string

// The chapters.
const (
	Query        Group = "Query"
	Writes       Group = "Write"
	Catalog      Group = "Collections and indexes"
	Transactions Group = "Sessions and transactions"
	Server       Group = "Server"
	Projects     Group = "Projects"
	Branches     Group = "Branches"
	Tags         Group = "Tags"
	History      Group = "History"
	Publishing   Group = "Live MongoDB"
	Maintenance  Group = "Store"
	Access       Group = "Users and roles"
)

// Command is an entry of the registry. The exported part is its documentation.
type Command struct {
	Name    string
	Aliases []string
	Group   Group
	Help    string // one or more sentences
	Example string // Extended JSON
	DB      string // the database that the example runs on
	Fields  []FieldInfo
	Access  string // what a user needs, where there is authentication

	traits  trait
	use     kindOfUse
	access  declared
	parse   func(c *call) error
	run     func(ctx context.Context, c *call) (bsonraw.Doc, error)
	open    func(ctx context.Context, c *call) (*stream, error)
	again   func(ctx context.Context, c *call, answer bsonraw.Doc) (bsonraw.Doc, error) // see once.go
	explain func(c *call) (coll string, spec *engine.ExplainSpec, err error)
}

// trait says how the dispatcher treats a command.
type trait uint16

const (
	reads     trait = 1 << iota // needs a branch, at any moment
	writes                      // needs a branch at its head
	inTxn                       // allowed in a transaction
	retryable                   // takes a txnNumber outside a transaction
	endsTxn                     // commitTransaction, abortTransaction
	adminOnly                   // runs on the database "admin" only
	mayWrite                    // reads that can be a write: aggregate
	awaits                      // maxTimeMS is how long it waits, not a limit
	project                     // needs a project; the branch, if named, is a default
	pinnable                    // a write that looks itself whether its branch is at its head
	loose                       // fields that it does not know are ignored, as MongoDB does
	numbered                    // one commit, which Argon's own clients give a txnNumber; see once.go
)

func (c *Command) has(t trait) bool { return c.traits&t != 0 }

// WritesData reports whether the command changes a branch, so that a door can
// tell reads from writes. An aggregate that ends in $out or $merge writes too.
func (c *Command) WritesData() bool { return c.has(writes) }

// definition is how a command is written: its documentation and traits, a
// table of its fields, and either run or open.
type definition[A any] struct {
	Command
	owner    string // of the table; the name if empty
	defaults A
	access   access[A]
	fields   []field[A]
	run      func(ctx context.Context, c *call, a *A) (bsonraw.Doc, error)
	open     func(ctx context.Context, c *call, a *A) (*stream, error)
	again    func(ctx context.Context, c *call, answer bsonraw.Doc) (bsonraw.Doc, error)
	explain  func(a *A) (string, *engine.ExplainSpec, error)
}

// build closes over the type of the arguments.
func (d definition[A]) build() *Command {
	if d.owner == "" {
		d.owner = d.Name
	}
	t := newTable(d.owner, d.fields)
	for _, alias := range d.Aliases {
		t.byName[alias] = t.byName[d.Name]
	}
	cmd := d.Command
	cmd.again = d.again
	cmd.Fields = t.infos()
	cmd.use = useOf(cmd.Name)
	cmd.Access, cmd.access = d.access.about, declared{free: d.access.free, first: d.access.first}
	if d.access.needs != nil {
		cmd.access.needs = func(n *needs) { d.access.needs(n, n.c.args.(*A)) }
	}
	cmd.parse = func(c *call) error {
		a := new(A)
		*a = d.defaults
		c.args = a
		if d.has(loose) {
			return t.read(a, c.raw, c.g.readLoose)
		}
		return t.read(a, c.raw, c.g.read)
	}
	if d.run != nil {
		cmd.run = func(ctx context.Context, c *call) (bsonraw.Doc, error) { return d.run(ctx, c, c.args.(*A)) }
	}
	if d.open != nil {
		cmd.open = func(ctx context.Context, c *call) (*stream, error) { return d.open(ctx, c, c.args.(*A)) }
	}
	if d.explain != nil {
		cmd.explain = func(c *call) (string, *engine.ExplainSpec, error) { return d.explain(c.args.(*A)) }
	}
	return &cmd
}

// Commands returns every command, by chapter and name, for the generated
// reference.
func Commands() []*Command {
	list := allCommands()
	order := make(map[Group]int)
	for i, g := range []Group{Query, Writes, Catalog, Transactions, Server, Projects, Branches, Tags, History, Publishing, Maintenance, Access} {
		order[g] = i
	}
	sort.SliceStable(list, func(i, j int) bool {
		if list[i].Group != list[j].Group {
			return order[list[i].Group] < order[list[j].Group]
		}
		return list[i].Name < list[j].Name
	})
	return list
}

// registry finds commands by name.
type registry map[string]*Command

func newRegistry() registry {
	r := make(registry)
	for _, c := range allCommands() {
		r[c.Name] = c
		for _, alias := range c.Aliases {
			r[alias] = c
		}
	}
	return r
}

// find returns the command that raw's first field names.
func (r registry) find(raw bsonraw.Doc) (*Command, error) {
	it := raw.Iter()
	if !it.Next() {
		return nil, errs.New(errs.FailedToParse, "a command document is empty").
			WithRemedy(`its first field names the command, as in {find: "users"}`)
	}
	if c, ok := r[string(it.Key())]; ok {
		return c, nil
	}
	return nil, r.unknown(string(it.Key()))
}

func (r registry) unknown(name string) error {
	var names []string
	for n := range r {
		names = append(names, n)
	}
	return errs.New(errs.CommandNotFound, "no such command: '%s'", name).WithRemedy("%s", didYouMean(name, names))
}

// didYouMean is a remedy that names what looks most like name, or nothing.
func didYouMean(name string, candidates []string) string {
	near := refs.Nearest(name, candidates)
	if len(near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(near, " or ") + "?"
}
