package command

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// The scripts in testdata/scripts show what commands answer:
//
//	run db=shop       each line of input is a command; its reply or its error
//	stream db=shop    the documents of a command's cursor, as Arrow gets them
//	advance d=10m     turns the clock
//
// LSNs count from 1 and times are hidden, so that replies are the same on every
// run.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		d := newDoor(t)
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			var db, by string
			td.MaybeScanArgs(t, "db", &db)
			td.MaybeScanArgs(t, "d", &by)
			switch td.Cmd {
			case "run":
				return d.script(t, td.Input, func(line string) string { return d.answer(t, db, line) })
			case "stream":
				return d.script(t, td.Input, func(line string) string { return d.stream(t, db, line) })
			case "advance":
				span, err := time.ParseDuration(by)
				if err != nil {
					td.Fatalf(t, "%v", err)
				}
				d.advance(span)
				return ""
			}
			td.Fatalf(t, "no such step: %s", td.Cmd)
			return ""
		})
	})
}

func (d *door) script(_ *testing.T, input string, each func(line string) string) string {
	var out strings.Builder
	for _, line := range strings.Split(input, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out.WriteString(each(line))
			out.WriteByte('\n')
		}
	}
	return out.String()
}

func (d *door) answer(t *testing.T, db, line string) string {
	reply, err := d.Run(context.Background(), d.sess, db, doc(t, line))
	if err != nil {
		return errorText(err)
	}
	return hideTimes(hideIDs(jsonOf(reply)))
}

func (d *door) stream(t *testing.T, db, line string) string {
	ctx := context.Background()
	cur, err := d.OpenCursor(ctx, d.sess, db, doc(t, line))
	if err != nil {
		return errorText(err)
	}
	defer cur.Close()
	lines, err := drain(ctx, cur)
	if err != nil {
		return errorText(err)
	}
	if len(lines) == 0 {
		return "(nothing)"
	}
	return hideTimes(strings.Join(lines, "\n"))
}

func drain(ctx context.Context, cur engine.Cursor) ([]string, error) {
	var lines []string
	for {
		doc, ok, err := cur.Next(ctx)
		if err != nil || !ok {
			return lines, err
		}
		lines = append(lines, jsonOf(doc))
	}
}

func errorText(err error) string {
	e := errs.As(err)
	text := fmt.Sprintf("error %d %s (%s): %s", e.Code, e.Code.Name(), e.Code.Category(), e.Message)
	if r := e.RemedyText(); r != "" {
		text += "\n  remedy: " + r
	}
	if e.Details != nil {
		text += "\n  details: " + jsonOf(e.Details)
	}
	return text
}

var times = regexp.MustCompile(`\{"\$date":"[^"]*"\}`)

// hideTimes replaces dates: commits bear the system's time.
func hideTimes(text string) string { return times.ReplaceAllString(text, `"(time)"`) }

// hideIDs replaces the random id of an open cursor.
func hideIDs(text string) string {
	const mark = `"id":`
	at := strings.LastIndex(text, `],`+mark)
	if at < 0 {
		return text
	}
	at += len(`],` + mark)
	end := at
	for end < len(text) && (text[end] == '-' || text[end] >= '0' && text[end] <= '9') {
		end++
	}
	if text[at:end] == "0" {
		return text
	}
	return text[:at] + "open" + text[end:]
}
