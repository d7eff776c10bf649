package auth

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// Resource is what a privilege is about: the cluster, everything, or the
// collections that a pattern names.
type Resource struct {
	Cluster, Any bool
	DB           string // a pattern project or project~branch; "" is every database
	Collection   string // "" is every collection
}

// Target is what a command touches: a collection of a branch, a whole branch
// (Collection is ""), every branch of a project (Branch is "*"), or the cluster.
//
// A star in a target is a character that only a star in a pattern covers, so
// that a grant on "shop~exp-*" allows what is asked of "shop~exp-1*", and
// nothing less than "shop~*" allows what is asked of every branch.
type Target struct {
	Cluster         bool
	Project, Branch string
	Collection      string
}

// Need is one thing that a command needs.
type Need struct {
	Target Target
	Action Action
}

// Privilege is a resource and what may be done with it.
type Privilege struct {
	Resource Resource
	Actions  Actions
}

// splitDB cuts a database's name or pattern into project and branch.
func splitDB(db string) (project, branch string) {
	project, branch, ok := strings.Cut(db, "~")
	if !ok {
		branch = refs.Main
	}
	return project, branch
}

// DBTarget is the target of a whole database: a name or pattern of project and
// branch, or one of MongoDB's own databases.
func DBTarget(db string) Target {
	project, branch := splitDB(db)
	return Target{Project: project, Branch: branch}
}

// grant is a privilege prepared for matching.
type grant struct {
	cluster, any    bool
	project, branch string // patterns; "" is any
	collection      string
	actions         Actions
}

func (p Privilege) compile() grant {
	g := grant{cluster: p.Resource.Cluster, any: p.Resource.Any, collection: p.Resource.Collection, actions: p.Actions}
	if p.Resource.DB != "" {
		g.project, g.branch = splitDB(p.Resource.DB)
	}
	return g
}

// allows reports whether the grant covers a need.
func (g *grant) allows(t *Target, a Action) bool {
	switch {
	case !g.actions.Has(a):
		return false
	case g.any:
		return true
	case g.cluster || t.Cluster:
		return g.cluster && t.Cluster
	case g.collection != "" && g.collection != t.Collection:
		return false
	}
	return g.project == "" || glob(g.project, t.Project) && glob(g.branch, t.Branch)
}

// glob matches a name against a pattern in which * stands for any characters.
func glob(pattern, name string) bool {
	if strings.IndexByte(pattern, '*') < 0 {
		return pattern == name
	}
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// ValidPattern checks a database pattern of a role or a resource: one of
// MongoDB's own databases, project, or project~branch, with stars.
func ValidPattern(db string) error {
	switch db {
	case adminDB, "local", "config", externalDB:
		return nil
	}
	project, branch, hasBranch := strings.Cut(db, "~")
	if strings.IndexByte(branch, '~') >= 0 {
		return errs.New(errs.BadValue, "%q names a moment: access is given to branches, at every moment", db)
	}
	if err := validPart("project", project); err != nil {
		return err
	}
	if hasBranch {
		return validPart("branch", branch)
	}
	return nil
}

// validPart checks a pattern by the rules of the names that it matches.
func validPart(kind, pattern string) error {
	if plain := strings.ReplaceAll(pattern, "*", ""); plain != "" || pattern == "" {
		if err := refs.ValidName(kind, plain); err != nil {
			return err
		}
	}
	return nil
}

// canonical writes a database pattern in its one form: shop~main is shop.
func canonical(db string) string { return strings.TrimSuffix(db, "~"+refs.Main) }

// resourceDoc and privilegeDoc are the stored and shown forms. FROZEN:
//
//	{resource: {db, collection} | {cluster: true} | {anyResource: true}, actions: [name, …]}
type privilegeDoc struct {
	Resource resourceDoc `bson:"resource"`
	Actions  []string    `bson:"actions"`
}

type resourceDoc struct {
	DB          *string `bson:"db,omitempty"`
	Collection  *string `bson:"collection,omitempty"`
	Cluster     bool    `bson:"cluster,omitempty"`
	AnyResource bool    `bson:"anyResource,omitempty"`
}

func (p Privilege) doc() privilegeDoc {
	d := privilegeDoc{Actions: p.Actions.Names()}
	switch {
	case p.Resource.Cluster:
		d.Resource.Cluster = true
	case p.Resource.Any:
		d.Resource.AnyResource = true
	default:
		d.Resource.DB, d.Resource.Collection = &p.Resource.DB, &p.Resource.Collection
	}
	return d
}

// ParsePrivilege reads a privilege in the form that MongoDB has for it.
func ParsePrivilege(raw []byte) (Privilege, error) {
	var d privilegeDoc
	if err := bson.Unmarshal(raw, &d); err != nil {
		return Privilege{}, errs.New(errs.FailedToParse, "a privilege is {resource: {db, collection}, actions: [name, …]}: %v", err)
	}
	return d.privilege()
}

func (d privilegeDoc) privilege() (Privilege, error) {
	r := d.Resource
	p := Privilege{Resource: Resource{Cluster: r.Cluster, Any: r.AnyResource}}
	switch {
	case (r.DB == nil) != (r.Collection == nil):
		return p, errs.New(errs.FailedToParse, "resource must set both db and collection or neither, but not exactly one.")
	case r.DB != nil && (r.Cluster || r.AnyResource) || r.Cluster && r.AnyResource:
		return p, errs.New(errs.FailedToParse, "resource must be one of {db, collection}, {cluster: true} and {anyResource: true}")
	case r.DB == nil && !r.Cluster && !r.AnyResource:
		return p, errs.New(errs.FailedToParse, "resource must set db and collection, or cluster, or anyResource")
	case len(d.Actions) == 0:
		return p, errs.New(errs.FailedToParse, "missing actions field")
	}
	if r.DB != nil {
		if *r.DB != "" {
			if err := ValidPattern(*r.DB); err != nil {
				return p, err
			}
		}
		p.Resource.DB, p.Resource.Collection = canonical(*r.DB), *r.Collection
	}
	for _, name := range d.Actions {
		a, ok := ParseAction(name)
		if !ok {
			return p, errs.New(errs.BadValue, "Unrecognized action: %s", name)
		}
		p.Actions.Add(a)
	}
	return p, nil
}

// mergePrivileges puts privileges on one resource together, in order of their
// first appearance.
func mergePrivileges(list []Privilege) []Privilege {
	var out []Privilege
	at := map[Resource]int{}
	for _, p := range list {
		if i, ok := at[p.Resource]; ok {
			out[i].Actions = out[i].Actions.With(p.Actions)
			continue
		}
		at[p.Resource] = len(out)
		out = append(out, p)
	}
	return out
}
