package wire

import (
	"encoding/binary"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/opmsg"
)

// replySize is room for most replies that are not batches of documents.
const replySize = 4 << 10

// answer answers one message. It returns false if the connection is to be
// closed.
func (c *conn) answer(m *opmsg.Message) (bool, error) {
	switch m.Op {
	case opmsg.OpMsg:
		return c.answerMsg(m)
	case opmsg.OpQuery:
		return c.answerQuery(m)
	}
	c.s.stats.malformed.Add(1)
	return false, errs.New(errs.ProtocolError, "the client sent %s, which is not spoken here", m.Op)
}

// batches is 1 for commands that reply with documents. A client mostly asks for
// batches of one size, so that the next one is given room at once: a reply that
// grows is copied several times.
func batches(name string) int {
	switch name {
	case "find", "getMore", "aggregate":
		return 1
	}
	return 0
}

// request is a command on its way.
type request struct {
	cmd      bsonraw.Doc
	name     string
	scratch  []byte // what cmd is in, if it is not in the message
	to       int32  // the message that is answered
	flags    opmsg.Flags
	compress opmsg.Compressor
	exhaust  bool // the client takes several replies
	silent   bool // the client takes none
	fail     *command.Failure
}

// newRequest makes one command of a message. Its error is for the client.
func newRequest(m *opmsg.Message) (*request, error) {
	r := &request{
		to: m.RequestID, flags: m.Flags & opmsg.ChecksumPresent, compress: m.Compressor,
		exhaust: m.Flags&opmsg.ExhaustAllowed != 0, silent: m.Flags&opmsg.MoreToCome != 0,
		cmd: m.Body,
	}
	if len(m.Sequences) > 0 {
		r.scratch = opmsg.Buffer(m.CommandSize())
		cmd, err := m.Command(r.scratch)
		if err != nil {
			return r, err
		}
		r.cmd, r.scratch = cmd, cmd
	}
	r.name = firstField(r.cmd)
	return r, nil
}

// firstField is the name of a command. What is no BSON has none.
func firstField(doc bsonraw.Doc) string {
	it := doc.Iter()
	if !it.Next() {
		return ""
	}
	return string(it.Key())
}

// answerMsg answers an OP_MSG: with nothing, one reply, or with several in a row
// where the client asks for it.
func (c *conn) answerMsg(m *opmsg.Message) (bool, error) {
	c.ctx.renew()
	r, err := newRequest(m)
	if r.scratch != nil {
		defer opmsg.Recycle(r.scratch)
	}
	for {
		if r.fail, err = c.failpoint(r, err); r.fail != nil && r.fail.Close {
			return false, nil
		}
		buf := opmsg.Buffer(max(replySize, c.batch*batches(r.name)))
		id := c.nextID()
		out, more := c.reply(r, opmsg.BeginMsg(buf, id, r.to, r.flags), err)
		if c.sess.HangUp() {
			opmsg.Recycle(out)
			return false, nil
		}
		if batches(r.name) != 0 {
			c.batch = max(len(out), c.batch/2)
		}
		if r.silent {
			opmsg.Recycle(out)
			return true, nil
		}
		if more {
			opmsg.SetFlags(out, r.flags|opmsg.MoreToCome)
		}
		werr := c.send(r, opmsg.FinishMsg(out))
		if werr != nil || !more {
			return werr == nil, werr
		}
		if c.ctx.Err() != nil {
			return false, c.ctx.Err()
		}
		c.enter(running)
		r.to = id
	}
}

// send compresses and writes a message, and gives its buffer back.
func (c *conn) send(r *request, out []byte) error {
	defer opmsg.Recycle(out)
	if r.compress == opmsg.NoCompressor {
		return c.write(out)
	}
	small := opmsg.Compress(opmsg.Buffer(len(out)), r.compress, out)
	defer opmsg.Recycle(small)
	return c.write(small)
}

// headSize is what BeginMsg puts before the body.
const headSize = opmsg.HeaderSize + 5

// reply runs the command and appends its reply to out. more says that the client
// will get another one without asking.
func (c *conn) reply(r *request, out []byte, err error) (_ []byte, more bool) {
	begin := time.Now()
	if err == nil {
		if isHello(r.name) {
			out, more, err = c.hello(r, out)
		} else {
			out, err = c.run(r, out)
			more = err == nil && r.exhaust && r.name == "getMore" && cursorIsOpen(bsonraw.Doc(out[headSize:]))
		}
	}
	if err != nil {
		out = append(out[:headSize], c.errorReply(err)...)
	}
	c.s.stats.answered(time.Since(begin), err != nil)
	return out, more && !r.silent
}

// run hands the command to the dispatcher.
func (c *conn) run(r *request, out []byte) ([]byte, error) {
	out, err := c.disp.RunAppend(c.ctx, c.sess, "", r.cmd, out)
	if err == nil && r.name == "argonAttach" {
		c.reader.SetLimit(opmsg.MaxOwnMessageSize) // its commands may be as large here as in one process
	}
	if err == nil && r.fail != nil && r.fail.WriteConcernError != nil {
		out = r.fail.AppendWriteConcernError(out, headSize)
		if code, _ := r.fail.WriteConcernError.Get("code").AsInt64(); c.aboutState(errs.Code(code)) {
			out = c.appendTopology(out, headSize)
		}
	}
	return out, err
}

// cursorIsOpen reports whether a reply says that its cursor has more.
func cursorIsOpen(reply bsonraw.Doc) bool {
	id, _ := reply.Get("cursor").Doc().Get("id").AsInt64()
	return id != 0
}

// errorReply is the reply document of an error. Drivers show its errmsg and
// nothing else, so that for them what to do about one of Argon's own errors is
// said there. Argon's clients get it in a field of its own.
func (c *conn) errorReply(err error) bsonraw.Doc {
	e := errs.As(err)
	if e != nil && c.aboutState(e.Code) {
		return c.appendTopology(command.ErrorReply(err), 0)
	}
	if e == nil || c.argon || e.Code < errs.ProjectNotFound {
		return c.sess.ErrorReply(err)
	}
	said := *e
	if remedy := e.RemedyText(); remedy != "" {
		said.Message += ": " + remedy
		said.Remedy = remedy
	}
	return c.sess.ErrorReply(&said)
}

// aboutState reports whether an error says that the server is no primary any
// more. Drivers compare its topologyVersion with the one that they know, to find
// out whether it is news. One about a shutdown carries a version only where the
// server does drain: without one it is news in any case.
func (c *conn) aboutState(code errs.Code) bool {
	switch code {
	case 91, 11600:
		return c.draining()
	case 189, 10107, 11602, 13435, 13436:
		return true
	}
	return false
}

// appendTopology puts the topologyVersion into a document, which stands in out
// from at to its end.
func (c *conn) appendTopology(out []byte, at int) []byte {
	var b bsonraw.Builder
	b.ResetTo(nil)
	c.appendTopologyVersion(&b)
	add := b.Finish()
	out = append(append(out[:len(out)-1], add[4:len(add)-1]...), 0)
	binary.LittleEndian.PutUint32(out[at:], uint32(len(out)-at))
	return out
}

// failpoint asks whether a test wants this command to fail.
func (c *conn) failpoint(r *request, err error) (*command.Failure, error) {
	if err != nil {
		return nil, err
	}
	f := c.disp.Failpoint(c.sess, r.cmd)
	if f == nil {
		return nil, nil
	}
	if err := f.Block(c.ctx); err != nil {
		return f, err
	}
	return f, f.Err
}
