package wire

import (
	"strings"

	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/opmsg"
)

// answerQuery answers an OP_QUERY. Drivers begin with one, isMaster, since they
// do not know yet whom they talk to; everything else in it is of servers long
// gone, and refused as MongoDB refuses it.
func (c *conn) answerQuery(m *opmsg.Message) (bool, error) {
	c.ctx.renew()
	r := &request{cmd: m.Body, name: firstField(m.Body), to: m.RequestID, compress: m.Compressor}
	body := r.cmd
	var err error
	if r.fail, err = c.failpoint(r, nil); r.fail != nil && r.fail.Close {
		return false, nil
	}
	switch {
	case err != nil:
	case !strings.HasSuffix(string(m.Query.Collection), ".$cmd"):
		err = errs.New(352, "Unsupported OP_QUERY command: find. The client driver may require an upgrade.")
	case !isHello(r.name):
		err = errs.New(352, "Unsupported OP_QUERY command: %s. The client driver may require an upgrade.", r.name)
	default:
		body, _, err = c.hello(r, nil)
	}
	if err != nil {
		body = command.ErrorReply(err)
	}
	out := opmsg.AppendReply(opmsg.Buffer(replySize), c.nextID(), r.to, body)
	err = c.send(r, out)
	return err == nil, err
}
