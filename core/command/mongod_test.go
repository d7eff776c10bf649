package command

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// The scripts in testdata/mongod run line by line on a dispatcher and on a real
// mongod, and the replies must be the same but for what is Argon's own.
//
//	{"find": "c"}            on the test's database
//	@admin {"ping": 1}       on another one
//	$DB in a command is the database's name
//	! reason                 the next command's message differs: compare codes only
//	- reason                 the next command's reply differs: only both must fail, or both succeed
//	# text                   a comment
func TestRepliesAgainstMongod(t *testing.T) {
	files, err := filepath.Glob("testdata/mongod/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { compareScript(t, file) })
	}
}

func compareScript(t *testing.T, file string) {
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	db := mongotest.Database(t)
	d, wire := newDoor(t), dialMongod(t)
	rule := byte(0)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '!' || line[0] == '-' {
			rule = line[0]
			continue
		}
		on := db
		if line[0] == '@' {
			on, line, _ = strings.Cut(line[1:], " ")
		}
		command := doc(t, strings.ReplaceAll(line, "$DB", db))
		theirs := wire.run(t, on, command)
		ours, err := d.Run(context.Background(), d.sess, on, command)
		if err != nil {
			ours = ErrorReply(err)
		}
		comparable := plainReply(ours)
		want := plainReply(theirs)
		switch rule {
		case '!':
			delete(comparable, "errmsg")
			delete(want, "errmsg")
		case '-':
			comparable, want = map[string]string{"ok": comparable["ok"]}, map[string]string{"ok": want["ok"]}
		}
		rule = 0
		if !sameReply(comparable, want) {
			t.Errorf("%s:%d: %s\n  ours:   %s\n  mongod: %s", file, n, line, showReply(comparable), showReply(want))
		}
	}
	require.NoError(t, lines.Err())
}

// plainReply takes a reply apart, without what each side has of its own.
func plainReply(reply bsonraw.Doc) map[string]string {
	fields := map[string]string{}
	it := reply.Iter()
	for it.Next() {
		key := string(it.Key())
		switch key {
		case "$clusterTime", "operationTime", "opTime", "electionId", "argonLSN", "category", "remedy":
			continue
		case "cursor":
			fields[key] = plainCursor(it.Value().Doc())
			continue
		case "users", "roles", "inheritedRoles": // sets, in any order
			fields[key] = plainPeople(it.Value().Doc())
			continue
		case "writeErrors":
			fields[key] = plainErrors(it.Value().Doc())
			continue
		}
		fields[key] = string(ejson.AppendValue(nil, it.Value(), ejson.Canonical))
	}
	return fields
}

// plainCursor keeps of a cursor's id only whether there is one.
func plainCursor(cursor bsonraw.Doc) string {
	var parts []string
	it := cursor.Iter()
	for it.Next() {
		v := it.Value()
		text := string(ejson.AppendValue(nil, v, ejson.Canonical))
		if string(it.Key()) == "id" && v.Int64() != 0 {
			text = "open"
		}
		parts = append(parts, string(it.Key())+": "+text)
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}

// plainPeople describes users and roles, whose fields come in one order or
// another, without ids made at random and what roles grant, in which both differ.
func plainPeople(list bsonraw.Doc) string {
	var parts []string
	for _, v := range list.Values() {
		if v.Doc() == nil {
			parts = append(parts, string(ejson.AppendValue(nil, v, ejson.Canonical)))
			continue
		}
		fields := plainReply(v.Doc())
		for _, own := range []string{"userId", "privileges", "inheritedPrivileges"} {
			delete(fields, own)
		}
		parts = append(parts, showReply(fields))
	}
	sort.Strings(parts)
	return "[" + strings.Join(parts, ", ") + "]"
}

func plainErrors(list bsonraw.Doc) string {
	var parts []string
	for _, v := range list.Values() {
		fields := plainReply(v.Doc())
		parts = append(parts, showReply(fields))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func sameReply(a, b map[string]string) bool { return showReply(a) == showReply(b) }

func showReply(fields map[string]string) string {
	var parts []string
	for key, value := range fields {
		parts = append(parts, key+": "+value)
	}
	sort.Strings(parts)
	return "{" + strings.Join(parts, ", ") + "}"
}

// wire is a bare connection to mongod: a driver would add sessions of its own.
type wire struct {
	conn net.Conn
	next int32
}

func dialMongod(t *testing.T) *wire {
	u, err := url.Parse(mongotest.URI(t))
	require.NoError(t, err)
	host := u.Host
	if !strings.Contains(host, ":") {
		host += ":27017"
	}
	conn, err := net.Dial("tcp", host)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &wire{conn: conn}
}

// run sends one OP_MSG and reads its answer.
func (w *wire) run(t *testing.T, db string, command bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	it := command.Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
	b.String("$db", db)
	body := b.Finish()
	w.next++
	head := make([]byte, 21)
	binary.LittleEndian.PutUint32(head, uint32(21+len(body)))
	binary.LittleEndian.PutUint32(head[4:], uint32(w.next))
	binary.LittleEndian.PutUint32(head[12:], 2013)
	_, err := w.conn.Write(append(head, body...))
	require.NoError(t, err)
	_, err = io.ReadFull(w.conn, head[:16])
	require.NoError(t, err)
	rest := make([]byte, binary.LittleEndian.Uint32(head)-16)
	_, err = io.ReadFull(w.conn, rest)
	require.NoError(t, err)
	return bsonraw.Doc(rest[5:])
}
