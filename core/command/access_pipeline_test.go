package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

// Every collection that a pipeline touches has to be granted, wherever it stands.
func TestPipelinesNeedWhatTheyTouch(t *testing.T) {
	d := newDoor(t)
	d.insertN("shop", 1)
	d.run("shop", `{"insert": "secret", "documents": [{}]}`)
	grant := func(coll string, actions string) string {
		return fmt.Sprintf(`{"resource": {"db": "shop", "collection": %q}, "actions": [%s]}`, coll, actions)
	}
	d.run("shop", `{"createRole": "narrow", "roles": [], "privileges": [`+grant("c", `"find"`)+`,`+grant("ok", `"find", "insert", "remove"`)+`,`+grant("v", `"createCollection"`)+`]}`)
	s := d.user("ada", role("narrow", "shop"))
	aggregate := func(stage string) error {
		_, err := d.as(s, "shop", `{"aggregate": "c", "pipeline": [`+stage+`], "cursor": {}}`)
		return err
	}
	for _, stage := range []string{
		`{"$lookup": {"from": "%s", "localField": "a", "foreignField": "b", "as": "x"}}`,
		`{"$lookup": {"from": "%s", "pipeline": [], "as": "x"}}`,
		`{"$lookup": {"from": "c", "as": "x", "pipeline": [{"$lookup": {"from": "%s", "pipeline": [], "as": "y"}}]}}`,
		`{"$graphLookup": {"from": "%s", "startWith": "$a", "connectFromField": "a", "connectToField": "b", "as": "x"}}`,
		`{"$unionWith": "%s"}`,
		`{"$unionWith": {"coll": "%s", "pipeline": []}}`,
		`{"$unionWith": {"coll": "c", "pipeline": [{"$unionWith": "%s"}]}}`,
		`{"$facet": {"a": [{"$lookup": {"from": "%s", "pipeline": [], "as": "x"}}]}}`,
		`{"$out": "%s"}`,
		`{"$out": {"db": "shop", "coll": "%s"}}`,
	} {
		err := aggregate(strings.Replace(stage, "%s", "secret", 1))
		require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%s: %v", stage, err)
		err = aggregate(strings.Replace(stage, "%s", "ok", 1))
		require.NotEqual(t, errs.Unauthorized, errs.CodeOf(err), "%s: %v", stage, err)
	}
	require.Equal(t, errs.Unauthorized, errs.CodeOf(aggregate(`{"$merge": "ok"}`)), "it may update too")
	require.Equal(t, errs.Unauthorized, errs.CodeOf(aggregate(`{"$merge": {"into": {"db": "other", "coll": "ok"}}}`)))
	for command, allowed := range map[string]bool{
		`{"create": "v", "viewOn": "secret", "pipeline": []}`:                                        false,
		`{"create": "v", "viewOn": "c", "pipeline": [{"$unionWith": "secret"}]}`:                     false,
		`{"create": "v", "viewOn": "c", "pipeline": []}`:                                             true,
		`{"explain": {"find": "secret"}}`:                                                            false,
		`{"explain": {"aggregate": "c", "pipeline": [{"$unionWith": "secret"}], "cursor": {}}}`:      false,
		`{"explain": {"delete": "c", "deletes": [{"q": {}, "limit": 1}]}}`:                           false,
		`{"explain": {"find": "c"}}`:                                                                 true,
		`{"find": "c"}`:                                                                              true,
		`{"find": "secret"}`:                                                                         false,
		`{"argonDiff": "main", "collection": "c"}`:                                                   false,
		`{"insert": "ok", "documents": [{}], "bypassDocumentValidation": true}`:                      false,
		`{"insert": "ok", "documents": [{}]}`:                                                        true,
		`{"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}}`:                      false,
		`{"aggregate": 1, "pipeline": [{"$documents": []}, {"$unionWith": "secret"}], "cursor": {}}`: false,
		`{"aggregate": "c", "pipeline": [], "cursor": {}, "explain": true}`:                          true,
		`{"findAndModify": "ok", "query": {}, "remove": true}`:                                       true,
		`{"findAndModify": "ok", "query": {}, "update": {"$set": {"x": 1}}}`:                         false,
		`{"listCollections": 1}`:                                                                     false,
		`{"listIndexes": "c"}`:                                                                       false,
	} {
		_, err := d.as(s, "shop", command)
		require.Equal(t, !allowed, errs.CodeOf(err) == errs.Unauthorized, "%s: %v", command, err)
	}
}

// Stages that are about the server show nothing of others to who may not see it.
func TestServerStagesNeedTheirActions(t *testing.T) {
	d := newDoor(t)
	d.insertN("shop", 1)
	reader, monitor := d.user("reader", role("read", "shop")), d.user("monitor", `"clusterMonitor"`)
	for stage, limited := range map[string]bool{
		`{"$currentOp": {"allUsers": true}}`: true, `{"$currentOp": {}}`: false,
		`{"$listLocalSessions": {}}`: true, `{"$listSessions": {"allUsers": true}}`: true,
	} {
		command := `{"aggregate": 1, "pipeline": [` + stage + `], "cursor": {}}`
		_, err := d.as(reader, "admin", command)
		require.Equal(t, limited, errs.CodeOf(err) == errs.Unauthorized, "%s: %v", stage, err)
		_, err = d.as(monitor, "admin", command)
		require.NotEqual(t, errs.Unauthorized, errs.CodeOf(err), "%s: %v", stage, err)
	}
	stats := `{"aggregate": "c", "pipeline": [{"$collStats": {"count": {}}}], "cursor": {}}`
	_, err := d.as(reader, "shop", stats)
	require.NoError(t, err)
	_, err = d.as(reader, "other", stats)
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
}
