package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/errs"
)

// rights are the actions that a publish needs, by collection; "" is the
// database.
type rights struct {
	needed map[string]map[string]bool
}

func (r *rights) add(coll string, actions ...string) {
	if r.needed == nil {
		r.needed = map[string]map[string]bool{}
	}
	if r.needed[coll] == nil {
		r.needed[coll] = map[string]bool{}
	}
	for _, a := range actions {
		r.needed[coll][a] = true
	}
}

func (r *rights) step(s *step) {
	switch {
	case s.pre == nil:
		r.add(s.coll, "find", "insert")
	case s.post == nil:
		r.add(s.coll, "find", "remove")
	default:
		r.add(s.coll, "find", "update")
	}
}

func (r *rights) action(a *Action) {
	switch a.Op {
	case opCreate:
		r.add(a.Collection, "createCollection")
	case opDrop:
		r.add(a.Collection, "dropCollection", "renameCollectionSameDB")
	case opRename:
		r.add(a.Name, "renameCollectionSameDB")
	case opModify:
		r.add(a.Collection, "collMod")
	case opCreateIndex:
		r.add(a.Collection, "createIndex")
	case opDropIndex:
		r.add(a.Collection, "dropIndex")
	}
}

type privilege struct {
	Resource struct {
		DB          *string `bson:"db"`
		Collection  *string `bson:"collection"`
		AnyResource bool    `bson:"anyResource"`
	} `bson:"resource"`
	Actions []string `bson:"actions"`
}

func (p *privilege) covers(db, coll string) bool {
	if p.Resource.AnyResource {
		return true
	}
	if p.Resource.DB == nil || p.Resource.Collection == nil {
		return false
	}
	return (*p.Resource.DB == "" || *p.Resource.DB == db) && (*p.Resource.Collection == "" || *p.Resource.Collection == coll)
}

// check asks the target what its user may do, and names what is missing, before
// the first write. A server without access control answers that nobody is logged
// in.
func (r *rights) check(ctx context.Context, t *target) error {
	var status struct {
		AuthInfo struct {
			Users      []bson.Raw  `bson:"authenticatedUsers"`
			Privileges []privilege `bson:"authenticatedUserPrivileges"`
		} `bson:"authInfo"`
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	err := t.client.Database("admin").RunCommand(ctx, bson.D{{Key: "connectionStatus", Value: 1}, {Key: "showPrivileges", Value: true}}).Decode(&status)
	if err != nil || len(status.AuthInfo.Users) == 0 {
		return t.failed(ctx, err)
	}
	var missing []string
	for _, coll := range sortedKeys(r.needed) {
		for _, action := range sortedKeys(r.needed[coll]) {
			if !slices.ContainsFunc(status.AuthInfo.Privileges, func(p privilege) bool {
				return p.covers(t.db.Name(), coll) && slices.Contains(p.Actions, action)
			}) {
				missing = append(missing, fmt.Sprintf("%s on %s.%s", action, t.db.Name(), coll))
			}
		}
	}
	if len(missing) > 0 {
		return errs.New(errs.Unauthorized, "the user of %s lacks rights: %s", t.name, strings.Join(missing, ", ")).
			WithRemedy("grant them: readWrite on the database, and dbAdmin to change collections and indexes")
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
