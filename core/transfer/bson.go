package transfer

import (
	"context"
	"encoding/binary"
	"io"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// maxBSON bounds a document of the input: what MongoDB's tools take, which is
// the largest document that is stored and some room for a server's own.
const maxBSON = bsonraw.MaxDocSize + 16<<10

// bsonReader reads documents one behind the other.
type bsonReader struct {
	*cutter
	record int64 // documents given out
}

func (b *bsonReader) notes() []string { return nil }

func (b *bsonReader) unit() string { return "document" }

// read returns the documents that are whole in what was read.
func (b *bsonReader) read(ctx context.Context) (*block, bool, error) {
	var spans []span
	k, err := b.next(ctx, func(data []byte) (end int, err error) {
		spans, end, err = b.documents(data)
		return end, err
	})
	if k != nil {
		k.spans = spans
		b.record += int64(len(spans))
		k.end = Point{Offset: b.at, Records: b.record}
	}
	return k, k != nil, err
}

// documents finds the whole documents in data. The cutter's lines are not
// those of a text: the documents are counted instead.
func (b *bsonReader) documents(data []byte) (spans []span, end int, err error) {
	for {
		number := b.record + int64(len(spans)) + 1
		n, err := documentLength(data[end:])
		if err != nil {
			if end > 0 {
				return spans, end, nil // what came before first, then the error
			}
			return nil, 0, LineError{Line: number, Err: err, Unit: b.unit()}
		}
		if n == 0 || n > len(data)-end {
			if end == 0 && b.eof && b.err == nil && len(data) > 0 {
				return nil, 0, LineError{Line: number, Err: errCutOff(), Unit: b.unit()}
			}
			return spans, end, nil
		}
		spans = append(spans, span{end, end + n, number})
		end += n
	}
}

func errCutOff() error {
	return errs.New(errs.ImportFailed, "the input ends inside a document")
}

// documentLength reads the length that begins a document; 0 where it is not
// there yet. Nothing of that length is believed before it is within bounds.
func documentLength(data []byte) (int, error) {
	if len(data) < 4 {
		return 0, nil
	}
	n := int32(binary.LittleEndian.Uint32(data))
	if n < 5 || n > maxBSON {
		return 0, errs.New(errs.ImportFailed, "no BSON: a document cannot have %d bytes", n)
	}
	return int(n), nil
}

// parser checks the documents, which stay where they were read.
func (b *bsonReader) parser() func(*block) (*parsed, error) {
	return func(k *block) (*parsed, error) {
		out := &parsed{size: len(k.data), docs: make([]bsonraw.Doc, 0, len(k.spans)), source: make([]origin, 0, len(k.spans))}
		for _, s := range k.spans {
			out.check(bsonraw.Doc(k.data[s.start:s.end:s.end]), s.line, "document")
		}
		return out, nil
	}
}

// check takes a document that may be anything of the right length.
func (p *parsed) check(d bsonraw.Doc, number int64, unit string) {
	if err := bsonraw.Validate(d); err != nil {
		p.failed = append(p.failed, LineError{Line: number, Err: err, Unit: unit, Text: brokenDocument(d)})
		return
	}
	p.docs = append(p.docs, d)
	p.source = append(p.source, origin{line: number})
}

// readDocument reads one document of a stream; io.EOF where it is at its end.
func readDocument(r io.Reader, head []byte) (bsonraw.Doc, error) {
	if head == nil {
		head = make([]byte, 4)
		if _, err := io.ReadFull(r, head); err != nil {
			return nil, cutOff(err)
		}
	}
	n, err := documentLength(head)
	if err != nil {
		return nil, err
	}
	d := make(bsonraw.Doc, n)
	copy(d, head)
	if _, err := io.ReadFull(r, d[4:]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, cutOff(err)
	}
	return d, nil
}

func cutOff(err error) error {
	if err == io.ErrUnexpectedEOF {
		return errCutOff()
	}
	return err
}

// brokenDocument is what a file of rejects shows of bytes that are no document.
func brokenDocument(d bsonraw.Doc) []byte {
	b := bsonraw.NewBuilder(nil)
	b.Value("brokenBSON", bsonraw.BinaryValue(0, d))
	return ejson.Append(nil, b.Finish(), ejson.Canonical)
}
