package update

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/query"
)

// TestRecordedAnswers runs the cases of testdata, whose answers, messages
// included, are those of mongod 6.0.5. To record them again, or those of new
// cases, from a real one:
//
//	ARGON_RECORD=1 go test ./core/update -run Recorded -rewrite
//
// A case is a document, a filter, an update and array filters in Extended JSON.
func TestRecordedAnswers(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if strings.Contains(path, "fuzz") {
			return
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			c := parseCase(t, d)
			if os.Getenv("ARGON_RECORD") != "" {
				return c.askMongod(t)
			}
			return c.answer(t)
		})
	})
}

func parseCase(t *testing.T, d *datadriven.TestData) *trial {
	c := &trial{filter: bsonraw.EmptyDoc, upsert: d.Cmd == "upsert"}
	for _, line := range strings.Split(d.Input, "\n") {
		what, body, _ := strings.Cut(line, " ")
		switch what {
		case "doc":
			c.pre = mongotest.Doc(body)
		case "filter":
			c.filter = mongotest.Doc(body)
		case "apply":
			c.update = mongotest.Value(body)
		case "filters":
			c.filters = []bsonraw.Doc{}
			for _, f := range mongotest.Value(body).Doc().Values() {
				c.filters = append(c.filters, f.Doc())
			}
		default:
			d.Fatalf(t, "a line that begins with %q", what)
		}
	}
	return c
}

// generated stands for an _id that was made up.
var generated = bsonraw.ObjectIDValue([12]byte{})

func (c *trial) answer(t *testing.T) string {
	if !c.upsert {
		c.run(t)
		return answerText(c.post, c.modified, errs.As(c.err))
	}
	filter, err := query.Compile(c.filter, nil)
	if err == nil {
		c.post, err = upsertHere(c, filter, func() bsonraw.Value { return generated })
	}
	return answerText(c.post, false, errs.As(err))
}

func answerText(doc bsonraw.Doc, modified bool, err *errs.Error) string {
	if err != nil {
		return fmt.Sprintf("error %d: %s\n", err.Code, err.Message)
	}
	what := "same"
	if modified {
		what = "modified"
	}
	return what + " " + mongotest.JSON(doc) + "\n"
}

func (c *trial) askMongod(t *testing.T) string {
	coll := mongotest.Collection(t)
	if c.pre != nil {
		coll.Insert(c.pre)
	}
	b := bsonraw.NewBuilder(nil)
	b.String("update", coll.Name())
	b.Value("updates", arrayOfDocs([]bsonraw.Doc{c.statement()}))
	reply, failed := coll.Run(b.Finish())
	if failed != nil {
		return answerText(nil, false, errs.New(errs.Code(failed.Code), "%s", failed.Message))
	}
	found, ferr := coll.Find(bsonraw.EmptyDoc, nil)
	require.Nil(t, ferr)
	require.Len(t, found, 1)
	n, _ := reply.Get("nModified").AsInt64()
	doc := found[0]
	if id := doc.Get("_id"); c.upsert && id.Type == bsonraw.ObjectID {
		var err error
		doc, err = withID(generated, doc, nil)
		require.NoError(t, err)
	}
	return answerText(doc, n == 1, nil)
}
