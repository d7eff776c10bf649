package pipeline

import (
	"context"
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// bucketAutoStage is $bucketAuto: buckets of about equal size.
type bucketAutoStage struct {
	groupBy expr.Expr
	buckets int
	rounder *rounder // of granularity, or nil
	fields  []accumulated
}

func compileBucketAuto(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(40240, "The argument to $bucketAuto must be an object, but found type: %s", v.Type.Name())
	}
	s := &bucketAutoStage{}
	output := bsonraw.Doc(nil)
	it := v.Doc().Iter()
	for it.Next() {
		if err := s.option(c, string(it.Key()), it.Value(), &output); err != nil {
			return nil, err
		}
	}
	if s.groupBy == nil || s.buckets == 0 {
		return nil, errs.New(40246, "$bucketAuto requires 'groupBy' and 'buckets' to be specified")
	}
	b := bsonraw.NewBuilder(nil)
	appendOutput(b, output)
	fields := b.Finish().Iter()
	for fields.Next() {
		f, err := compileAccumulated(c, string(fields.Key()), fields.Value())
		if err != nil {
			return nil, err
		}
		s.fields = append(s.fields, f)
	}
	return s, nil
}

func (s *bucketAutoStage) option(c *compiler, name string, v bsonraw.Value, output *bsonraw.Doc) error {
	var err error
	switch name {
	case "groupBy":
		if !isFieldOrExpression(v) {
			return errs.New(40239, "The $bucketAuto 'groupBy' field must be defined as a $-prefixed path or an expression object, but found: %s", brief(v))
		}
		s.groupBy, err = c.expr(v)
	case "buckets":
		s.buckets, err = bucketCount(v)
	case "output":
		if v.Type != bsonraw.Object {
			return errs.New(40244, "The $bucketAuto 'output' field must be an object, but found type: %s", v.Type.Name())
		}
		*output = v.Doc()
	case "granularity":
		if v.Type != bsonraw.String {
			return errs.New(40261, "The $bucketAuto 'granularity' field must be a string, but found type: %s", v.Type.Name())
		}
		s.rounder, err = newRounder(v.Str())
	default:
		err = errs.New(40245, "Unrecognized option to $bucketAuto: %s", name)
	}
	return err
}

func bucketCount(v bsonraw.Value) (int, error) {
	if !v.IsNumber() {
		return 0, errs.New(40241, "The $bucketAuto 'buckets' field must be a numeric value, but found type: %s", v.Type.Name())
	}
	n, ok := v.AsInt64()
	if !ok || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, errs.New(40242, "The $bucketAuto 'buckets' field must be representable as a 32-bit integer, but found %s", brief(v))
	}
	if n <= 0 {
		return 0, errs.New(40243, "The $bucketAuto 'buckets' field must be greater than 0, but found: %d", n)
	}
	return int(n), nil
}

func (s *bucketAutoStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	return &bucketAutoIter{in: in, stage: s, env: r.env(), valueEnv: r.env(), sorter: newSorter(r, "$bucketAuto", 0)}, nil
}

type bucketAutoIter struct {
	in            Iter
	stage         *bucketAutoStage
	env, valueEnv *expr.Env
	sorter        *sorter
	sorted        sorted
	count         int // documents
	size          int // documents of a bucket, about
	bucket        int // number of the bucket being filled, from 1

	accs     []expr.Accumulator
	next     bsonraw.Doc // the first document behind the bucket; nil at the end
	value    bsonraw.Value
	max      bsonraw.Value // of the bucket being filled
	previous bsonraw.Value // rounded end of the bucket before
	out      bsonraw.Builder
}

func (b *bucketAutoIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if b.sorted == nil {
		if err := b.consume(ctx); err != nil {
			return nil, false, err
		}
	}
	if b.next == nil {
		return nil, false, nil
	}
	doc, err := b.fill()
	return doc, err == nil, err
}

// groupValue evaluates groupBy; missing counts as null.
func (b *bucketAutoIter) groupValue(doc bsonraw.Doc) (bsonraw.Value, error) {
	v, err := evalOn(b.valueEnv, b.stage.groupBy, doc)
	if v.IsMissing() {
		v = bsonraw.NullValue
	}
	return v, err
}

func (b *bucketAutoIter) consume(ctx context.Context) error {
	var key []byte
	for {
		doc, ok, err := b.in.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		v, err := b.groupValue(doc)
		if err == nil {
			_, _, err = b.stage.rounder.check(v)
		}
		if err != nil {
			return err
		}
		key = bsonraw.AppendKey(key[:0], v)
		if err := b.sorter.add(key, doc); err != nil {
			return err
		}
		b.count++
	}
	b.size = max(1, int(math.Round(float64(b.count)/float64(b.stage.buckets))))
	for _, f := range b.stage.fields {
		b.env.Reset(bsonraw.EmptyDoc)
		a, err := f.factory.New(b.env)
		if err != nil {
			return err
		}
		b.accs = append(b.accs, a)
	}
	var err error
	if b.sorted, err = b.sorter.finish(); err != nil {
		return err
	}
	return b.advance()
}

// advance reads the next document in order.
func (b *bucketAutoIter) advance() error {
	_, doc, ok, err := b.sorted.next()
	b.next = nil
	if err != nil || !ok {
		return err
	}
	b.next = doc
	v, err := b.groupValue(doc)
	b.value = v
	return err
}

// take adds the next document to the bucket and moves on.
func (b *bucketAutoIter) take() error {
	b.env.Reset(b.next)
	for _, a := range b.accs {
		if err := a.Add(b.env); err != nil {
			return err
		}
	}
	b.max = bsonraw.Value{Type: b.value.Type, Data: append(b.max.Data[:0], b.value.Data...)}
	return b.advance()
}

// fill makes one bucket (mongod's DocumentSourceBucketAuto).
func (b *bucketAutoIter) fill() (bsonraw.Doc, error) {
	b.bucket++
	low := b.value.Clone()
	for _, a := range b.accs {
		a.Reset()
	}
	last := b.bucket == b.stage.buckets
	for i := 0; b.next != nil && (i < b.size || last); i++ {
		if err := b.take(); err != nil {
			return nil, err
		}
	}
	low, high, err := b.bounds(low)
	if err != nil {
		return nil, err
	}
	b.out.Reset()
	b.out.BeginDoc("_id")
	b.out.Value("min", low)
	b.out.Value("max", high)
	b.out.End()
	b.env.Reset(bsonraw.EmptyDoc)
	for i, f := range b.stage.fields {
		v, err := b.accs[i].Result(b.env)
		if err != nil {
			return nil, err
		}
		if v.Type == bsonraw.Missing {
			v.Type = bsonraw.Null
		}
		b.out.Value(f.name, v)
	}
	return b.out.Finish(), nil
}

// bounds settles where the bucket ends, taking in what belongs to it as well.
func (b *bucketAutoIter) bounds(low bsonraw.Value) (lo, hi bsonraw.Value, err error) {
	if b.stage.rounder != nil {
		return b.roundedBounds(low)
	}
	for b.next != nil && bsonraw.Equal(b.value, b.max) {
		if err := b.take(); err != nil {
			return lo, hi, err
		}
	}
	if b.next != nil {
		return low, b.value, nil
	}
	return low, b.max, nil
}

func (b *bucketAutoIter) roundedBounds(low bsonraw.Value) (lo, hi bsonraw.Value, err error) {
	high, err := b.stage.rounder.up(b.max)
	if err != nil {
		return lo, hi, err
	}
	for b.next != nil && bsonraw.Compare(high, b.value) > 0 {
		if err := b.take(); err != nil {
			return lo, hi, err
		}
	}
	if f, _ := b.max.AsFloat64(); f == 0 && b.next != nil {
		if high, err = b.stage.rounder.down(b.value); err != nil {
			return lo, hi, err
		}
	}
	if b.previous.IsMissing() {
		low, err = b.stage.rounder.down(low)
	} else {
		low = b.previous
	}
	b.previous = high
	return low, high, err
}

func (b *bucketAutoIter) Close() error {
	b.next = nil
	return closing2(b.in, b.sorter.close())
}
