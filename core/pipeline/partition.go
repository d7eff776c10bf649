package pipeline

import (
	"encoding/binary"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/query"
)

// partition holds the documents of one partition of $setWindowFields in order,
// in memory and, beyond the limit, in a temporary file that is read by place.
type partition struct {
	r     *run
	sort  *query.Sort
	env   *expr.Env
	docs  []bsonraw.Doc // the first ones
	bytes int
	file  *spillFile
	ends  []int64 // where each document in file ends
	block block   // of file, read last
}

// blockSize is how much of the file is read at once. Windows move forward, and
// what they look at is close together.
const blockSize = 1 << 20

// block is a piece of the file.
type block struct {
	from int64
	data []byte
}

func newPartition(r *run, sort *query.Sort) *partition {
	return &partition{r: r, sort: sort, env: r.env()}
}

func (p *partition) count() int { return len(p.docs) + len(p.ends) }

// add takes a copy of a document.
func (p *partition) add(doc bsonraw.Doc) error {
	if p.file == nil {
		p.bytes += len(doc)
		if p.bytes <= p.r.limit() {
			p.docs = append(p.docs, doc.Clone())
			return nil
		}
		if !p.r.maySpill() {
			return p.r.tooMuch("$setWindowFields")
		}
		f, err := p.r.newSpill()
		if err != nil {
			return err
		}
		p.file = f
	}
	if err := p.file.write(nil, doc); err != nil {
		return err
	}
	p.ends = append(p.ends, p.file.size)
	return nil
}

// seal makes what was added readable.
func (p *partition) seal() error {
	if p.file == nil {
		return nil
	}
	_, err := p.file.reader(0, 0) // flushes
	return err
}

// get returns a document, valid until the next get.
func (p *partition) get(i int) (bsonraw.Doc, error) {
	if i < len(p.docs) {
		return p.docs[i], nil
	}
	i -= len(p.docs)
	from := int64(0)
	if i > 0 {
		from = p.ends[i-1]
	}
	from++ // the length of the empty key
	to := p.ends[i]
	if from < p.block.from || to > p.block.from+int64(len(p.block.data)) {
		size := min(max(blockSize, to-from), p.file.size-from)
		p.block.data = grow(p.block.data, int(size))
		p.block.from = from
		if _, err := p.file.file.ReadAt(p.block.data, from); err != nil {
			return nil, spillError(err)
		}
	}
	data := p.block.data[from-p.block.from:]
	return bsonraw.Doc(data[:binary.LittleEndian.Uint32(data)]), nil
}

// eval evaluates an expression on a document of the partition. The value is
// valid until the next call.
func (p *partition) eval(e expr.Expr, i int) (bsonraw.Value, error) {
	doc, err := p.get(i)
	if err != nil {
		return bsonraw.Value{}, err
	}
	return evalOn(p.env, e, doc)
}

// sortValue returns the value by which a document is ordered, where that is one
// field.
func (p *partition) sortValue(i int) (bsonraw.Value, error) {
	doc, err := p.get(i)
	if err != nil {
		return bsonraw.Value{}, err
	}
	return splitPath(p.sort.Parts()[0].Path).get(doc), nil
}

func (p *partition) close() error { return p.file.close() }
