package mirror

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
	}
	mongotest.Main(m)
}

// soak is how many times more steps the long variants take.
func soak() int {
	n, err := strconv.Atoi(os.Getenv("RAPID_CHECKS"))
	if err != nil {
		return 1
	}
	return max(1, n/100)
}

// seed returns the seed of a random test and prints it.
func seed(t *testing.T) *rand.Rand {
	n, err := strconv.ParseUint(os.Getenv("RAPID_SEED"), 10, 64)
	if err != nil || n == 0 {
		n = uint64(time.Now().UnixNano())
	}
	t.Logf("RAPID_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 1))
}

// updater makes random documents and updates of every operator.
type updater struct{ *rand.Rand }

var fieldNames = []string{"a", "b", "c", "d", "e"}

func (u updater) name() string { return fieldNames[u.IntN(len(fieldNames))] }

func (u updater) path() string {
	p := u.name()
	for u.IntN(2) == 0 {
		if u.IntN(3) == 0 {
			p += "." + strconv.Itoa(u.IntN(4))
		} else {
			p += "." + u.name()
		}
	}
	return p
}

func (u updater) value(depth int) any {
	switch n := u.IntN(10); {
	case n < 2 && depth > 0:
		d := bson.D{}
		for _, name := range fieldNames {
			if u.IntN(3) == 0 {
				d = append(d, bson.E{Key: name, Value: u.value(depth - 1)})
			}
		}
		return d
	case n < 5 && depth > 0:
		a := bson.A{}
		for range u.IntN(6) {
			a = append(a, u.value(depth-1))
		}
		return a
	case n < 6:
		return "s" + strconv.Itoa(u.IntN(100))
	case n < 7:
		return nil
	}
	return int32(u.IntN(10))
}

func (u updater) document(id any) bson.D {
	d := bson.D{{Key: "_id", Value: id}}
	for _, name := range fieldNames {
		if u.IntN(3) > 0 {
			d = append(d, bson.E{Key: name, Value: u.value(3)})
		}
	}
	return d
}

// update makes an update of random operators; many fail, which is no matter.
func (u updater) update() any {
	if u.IntN(4) == 0 {
		return u.pipeline()
	}
	d := bson.D{}
	for range 1 + u.IntN(3) {
		d = append(d, u.operator())
	}
	return d
}

func (u updater) operator() bson.E {
	one := func(op string, v any) bson.E { return bson.E{Key: op, Value: bson.D{{Key: u.path(), Value: v}}} }
	switch u.IntN(16) {
	case 0:
		return one("$unset", 1)
	case 1:
		return one("$inc", int32(1+u.IntN(3)))
	case 2:
		return one("$mul", 2.5)
	case 3:
		return one("$min", int32(u.IntN(10)))
	case 4:
		return one("$max", u.value(1))
	case 5:
		return one("$rename", u.name()+"x")
	case 6:
		return one("$currentDate", true)
	case 7:
		return one("$addToSet", bson.D{{Key: "$each", Value: bson.A{u.value(1), u.value(0)}}})
	case 8:
		return one("$pop", 1-2*u.IntN(2))
	case 9:
		return one("$pull", int32(u.IntN(10)))
	case 10:
		return one("$pullAll", bson.A{u.value(0), u.value(0)})
	case 11:
		return one("$bit", bson.D{{Key: "xor", Value: int32(5)}})
	case 12, 13:
		push := bson.D{{Key: "$each", Value: bson.A{u.value(2), u.value(0)}}}
		if u.IntN(2) == 0 {
			push = append(push, bson.E{Key: "$position", Value: u.IntN(4) - 1})
		}
		if u.IntN(3) == 0 {
			push = append(push, bson.E{Key: "$sort", Value: 1})
		}
		if u.IntN(2) == 0 {
			push = append(push, bson.E{Key: "$slice", Value: u.IntN(7) - 3})
		}
		return one("$push", push)
	case 14:
		return bson.E{Key: "$set", Value: bson.D{{Key: u.name() + ".$[]", Value: u.value(1)}}}
	}
	return one("$set", u.value(3))
}

func (u updater) pipeline() any {
	stages := bson.A{}
	for range 1 + u.IntN(2) {
		switch u.IntN(5) {
		case 0:
			stages = append(stages, bson.D{{Key: "$unset", Value: u.path()}})
		case 1: // names with dots and dollars
			name := []string{"a.b", "x.y", "$d", "c.0", "b.c.d"}[u.IntN(5)]
			stages = append(stages, bson.D{{Key: "$replaceWith", Value: bson.D{{Key: "$setField", Value: bson.D{
				{Key: "field", Value: bson.D{{Key: "$literal", Value: name}}},
				{Key: "input", Value: "$$ROOT"},
				{Key: "value", Value: bson.D{{Key: "$literal", Value: u.value(2)}}},
			}}}}})
		case 2: // a new order of fields
			d := bson.D{}
			for _, i := range u.Perm(len(fieldNames)) {
				d = append(d, bson.E{Key: fieldNames[i], Value: "$" + fieldNames[i]})
			}
			stages = append(stages, bson.D{{Key: "$replaceWith", Value: bson.D{{Key: "$mergeObjects", Value: bson.A{bson.D{{Key: "_id", Value: "$_id"}}, d}}}}})
		case 3:
			stages = append(stages, bson.D{{Key: "$set", Value: bson.D{{Key: u.name(), Value: bson.D{{Key: "$cond", Value: bson.A{
				bson.D{{Key: "$isArray", Value: "$a"}}, bson.D{{Key: "$slice", Value: bson.A{"$a", 1 + u.IntN(3)}}}, "$b",
			}}}}}}})
		default:
			stages = append(stages, bson.D{{Key: "$set", Value: bson.D{{Key: u.name() + "." + u.name(), Value: bson.D{{Key: "$literal", Value: u.value(2)}}}}}})
		}
	}
	return stages
}

// recorded is one update as the server's change stream has it.
type recorded struct {
	Before bson.Raw       `bson:"fullDocumentBeforeChange"`
	After  bson.Raw       `bson:"fullDocument"`
	Desc   bson.Raw       `bson:"updateDescription"`
	Op     string         `bson:"operationType"`
	At     bson.Timestamp `bson:"clusterTime"`
}

// TestDeltaProperty records random updates of every operator from a real mongod
// and checks that each event turns its pre-image into its post-image.
func TestDeltaProperty(t *testing.T) {
	u := updater{seed(t)}
	db := mongotest.Client(t).Database(mongotest.Database(t))
	ctx := t.Context()
	images := options.CreateCollection().SetChangeStreamPreAndPostImages(bson.D{{Key: "enabled", Value: true}})
	require.NoError(t, db.CreateCollection(ctx, "c", images))
	c := db.Collection("c")
	stream, err := c.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetFullDocument(options.Required).SetFullDocumentBeforeChange(options.Required))
	require.NoError(t, err)
	defer stream.Close(context.WithoutCancel(ctx))
	const docs = 20
	for i := range docs {
		_, err := c.InsertOne(ctx, u.document(i))
		require.NoError(t, err)
	}
	session, err := mongotest.Client(t).StartSession()
	require.NoError(t, err)
	defer session.EndSession(ctx)
	truth := map[bson.Timestamp]bson.Raw{} // by the time of the write
	for range 2000 * soak() {
		id := bson.D{{Key: "_id", Value: u.IntN(docs)}}
		if u.IntN(15) == 0 {
			_, err = c.ReplaceOne(ctx, id, u.document(id[0].Value))
			require.NoError(t, err)
			continue
		}
		_, err := c.UpdateOne(mongo.NewSessionContext(ctx, session), id, u.update())
		var refused mongo.WriteException
		if err != nil && !errors.As(err, &refused) {
			var command mongo.CommandError
			require.ErrorAs(t, err, &command)
			continue
		}
		// One that wrote nothing has the time of the write before.
		if at := *session.OperationTime(); err == nil && truth[at] == nil {
			truth[at], err = c.FindOne(ctx, id).Raw()
			require.NoError(t, err)
		}
	}
	_, err = c.InsertOne(ctx, bson.D{{Key: "_id", Value: "end"}})
	require.NoError(t, err)
	checkRecorded(t, stream, truth)
}

// checkRecorded follows the stream. The server's own post-images are made from
// the event, with fields twice where it moved them; so the truth is what the
// test read behind each update.
func checkRecorded(t *testing.T, stream *mongo.ChangeStream, truth map[bson.Timestamp]bson.Raw) {
	state := map[string]bson.Raw{}
	updates, ambiguous, moved, unseen := 0, 0, 0, 0
	for stream.Next(t.Context()) {
		var e recorded
		require.NoError(t, stream.Decode(&e))
		if e.Op == "insert" && fmt.Sprint(e.After.Lookup("_id").Type) == "string" {
			break
		}
		if e.Op != "update" {
			state[e.After.Lookup("_id").String()] = e.After
			continue
		}
		updates++
		key := e.Before.Lookup("_id").String()
		e.Before = state[key]
		e.After = truth[e.At]
		require.Equal(t, key, e.After.Lookup("_id").String())
		state[key] = e.After
		got, _, err := applyDelta(bsonraw.Doc(e.Before), bsonraw.Doc(e.Desc))
		if err == errAmbiguous {
			ambiguous++
			continue
		}
		require.NoError(t, err, "%s\n%s", e.Before, e.Desc)
		if string(got) != string(e.After) && sameFields(got, bsonraw.Doc(e.After)) {
			moved++
			t.Logf("moved unseen\nbefore %s\nevent  %s\nafter  %s\ngot    %s", e.Before, e.Desc, e.After, bson.Raw(got))
			continue
		}
		if hasDots(bsonraw.Doc(e.After)) && !hasDots(bsonraw.Doc(e.Before)) {
			unseen++ // see delta.go
			continue
		}
		require.Equal(t, e.After.String(), bson.Raw(got).String(), "before %s\nevent %s", e.Before, e.Desc)
	}
	require.NoError(t, stream.Err())
	t.Logf("%d updates, %d ambiguous, %d with fields moved, %d with a first name with dots", updates, ambiguous, moved, unseen)
	require.Positive(t, updates)
}

func sameFields(a, b bsonraw.Doc) bool {
	if a.Len() != b.Len() {
		return false
	}
	for it := a.Iter(); it.Next(); {
		v := b.Get(string(it.Key()))
		if v.Type == bsonraw.Object && it.Value().Type == bsonraw.Object {
			if !sameFields(v.Doc(), it.Value().Doc()) {
				return false
			}
			continue
		}
		if !bsonraw.Identical(v, it.Value()) {
			return false
		}
	}
	return true
}
