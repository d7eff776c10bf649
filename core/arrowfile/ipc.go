package arrowfile

import (
	"bytes"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/argon-lab/argon/core/errs"
)

// Limits of one message of Arrow IPC.
const (
	maxIPCMetadata = 64 << 20
	maxIPCBody     = 1 << 30
)

func ipcOptions() []ipc.Option {
	return []ipc.Option{ipc.WithAllocator(allocator), ipc.WithMetadataSizeLimit(maxIPCMetadata), ipc.WithBodySizeLimit(maxIPCBody)}
}

// pieces hands out batches of maxBatchRows.
type pieces struct {
	rest arrow.RecordBatch
	more func() (arrow.RecordBatch, error) // nil at the end
}

func (p *pieces) next() (arrow.RecordBatch, error) {
	if p.rest == nil {
		var err error
		if p.rest, err = p.more(); err != nil || p.rest == nil {
			return nil, err
		}
	}
	n := p.rest.NumRows()
	if n <= maxBatchRows {
		out := p.rest
		p.rest = nil
		return out, nil
	}
	out, rest := p.rest.NewSlice(0, maxBatchRows), p.rest.NewSlice(maxBatchRows, n)
	p.rest.Release()
	p.rest = rest
	return out, nil
}

func (p *pieces) drop() {
	if p.rest != nil {
		p.rest.Release()
		p.rest = nil
	}
}

// ipcSource is an Arrow stream.
type ipcSource struct {
	pieces
	reader *ipc.Reader
}

const (
	fileMagic    = "ARROW1"
	featherMagic = "FEA1"
)

// openFile reads an Arrow file from its beginning: between the magic and the
// table of contents it is a stream.
func openFile(r io.Reader) (source, error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, orStreamCutOff(err)
	}
	switch {
	case string(head[:4]) == featherMagic:
		return nil, errs.New(errs.NotSupported, "this is a Feather file of version 1").
			WithRemedy("write it again with a library that is newer than 2020: Feather is an Arrow file since version 2")
	case string(head[:6]) != fileMagic:
		return nil, errs.New(errs.ImportFailed, "this is no Arrow file: it begins with %q", head)
	}
	return openIPC(r, true)
}

func openStream(r io.Reader) (source, error) { return openIPC(r, false) }

func openIPC(r io.Reader, file bool) (source, error) {
	reader, err := ipc.NewReader(&messages{r: r}, ipcOptions()...)
	if err != nil {
		return nil, err
	}
	s := &ipcSource{reader: reader}
	s.more = func() (arrow.RecordBatch, error) {
		if reader.Next() {
			rec := reader.RecordBatch()
			rec.Retain()
			return rec, nil
		}
		if err := reader.Err(); err != nil || !file {
			return nil, err
		}
		file = false
		return nil, checkTail(r)
	}
	return s, nil
}

// checkTail reads an Arrow file to its end, which says that it is whole.
func checkTail(r io.Reader) error {
	tail, err := io.ReadAll(io.LimitReader(r, maxIPCBody))
	if err == nil && !bytes.HasSuffix(tail, []byte(fileMagic)) {
		err = errStreamCutOff()
	}
	return err
}

func (s *ipcSource) schema() *arrow.Schema { return s.reader.Schema() }

func (s *ipcSource) rows() int64 { return -1 }

func (s *ipcSource) release() {
	s.drop()
	s.reader.Release()
}
