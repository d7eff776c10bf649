package expr

import (
	"math"
	"math/rand/v2"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// TestSumsAgainstMongod compares sums of random numbers of all types and sizes,
// with cancellations, bit for bit.
func TestSumsAgainstMongod(t *testing.T) {
	db := mongotest.Database(t)
	random := rand.New(rand.NewPCG(4, 4))
	draw := func(decimals bool) any {
		switch random.IntN(7) {
		case 0:
			return int32(random.Uint32())
		case 1:
			return int64(random.Uint64())
		case 2:
			return []int64{math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1, -1<<53 - 1}[random.IntN(5)]
		case 3:
			return random.NormFloat64()
		case 4:
			return math.Ldexp(random.NormFloat64(), random.IntN(140)-70)
		case 5:
			if decimals {
				return bson.NewDecimal128(0x3040000000000000-uint64(random.IntN(8))<<49, random.Uint64()>>random.IntN(60))
			}
		}
		return int32(random.IntN(100))
	}
	count := 300
	if *long {
		count = 20_000
	}
	for _, op := range []string{"$add", "$sum", "$avg", "$multiply", "$stdDevPop", "$stdDevSamp"} {
		var docs []bsonraw.Doc
		for i := range count {
			list := bson.A{}
			for range 1 + random.IntN(7) {
				list = append(list, draw(i%3 == 0))
				if random.IntN(3) == 0 && op != "$multiply" {
					if f, ok := list[len(list)-1].(float64); ok {
						list = append(list, -f)
					}
				}
			}
			for len(list) < 14 {
				list = append(list, int32(1-random.IntN(2)))
			}
			b := bsonraw.NewBuilder(nil)
			v := rawOf(list)
			it := bsonraw.Doc(v.Value).Iter()
			for j := 0; it.Next(); j++ {
				b.Value("abcdefghijklmnopqrst"[j:j+1], it.Value())
			}
			docs = append(docs, b.Finish())
		}
		args := bson.A{}
		for j := range 14 {
			args = append(args, "$"+"abcdefghijklmnopqrst"[j:j+1])
		}
		e := rawOf(bson.D{{Key: op, Value: args}})
		compareAll(t, db, caseOf{"", bsonraw.Value{Type: bsonraw.Type(e.Type), Data: e.Value}}, docs, 3)
	}
}
