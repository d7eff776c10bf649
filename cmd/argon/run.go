package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

type runOptions struct {
	branch, at, command string
	admin, all          bool
	canonical           bool
}

func newRun(a *app) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use: "run COMMAND", Short: "Run any command and print its reply", Args: cobra.ExactArgs(1),
		Long: "Run any command, MongoDB's or Argon's, and print its reply as Extended JSON. - reads\nit from standard input. With --all the documents of its cursor are printed instead,\none a line. argon run '{listCommands: 1}' lists the commands.",
		Example: example(`
argon run '{find: "users", filter: {age: {$gt: 30}}}' -p shop
argon run '{aggregate: "users", pipeline: [{$sortByCount: "$country"}], cursor: {}}' -p shop -b exp --all
argon run '{listDatabases: 1}' --admin`),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.command = args[0]
			return runRun(cmd.Context(), a, &o)
		},
	}
	branchFlag(cmd, &o.branch)
	atFlag(cmd, &o.at)
	f := cmd.Flags()
	f.BoolVar(&o.admin, "admin", false, "run it on the database admin")
	f.BoolVar(&o.all, "all", false, "print all documents of the command's cursor, one a line")
	f.BoolVar(&o.canonical, "canonical", false, "canonical Extended JSON, which keeps every type")
	return cmd
}

func runRun(ctx context.Context, a *app, o *runOptions) error {
	text := o.command
	if text == "-" {
		data, err := io.ReadAll(a.io.In)
		if err != nil {
			return errs.Wrap(err, errs.FailedToParse, "cannot read the command")
		}
		text = string(data)
	}
	doc, err := parseDoc(text)
	if err != nil {
		return usage("the command is no JSON document: %v", err)
	}
	b, err := a.openBranch(ctx, o.branch, o.at)
	if err != nil {
		return err
	}
	db := b.Database()
	if o.admin {
		db = "admin"
	}
	if o.all {
		cur, err := b.Project().Client().Documents(ctx, db, doc)
		if err != nil {
			return err
		}
		return a.printDocuments(ctx, cur, o.canonical)
	}
	reply, err := b.Project().Client().RunCommand(ctx, db, doc)
	if err != nil {
		return err
	}
	if err := a.printReply(reply, o.canonical); err != nil {
		return err
	}
	return writeErrorOf(reply)
}

// writeErrorOf is the first write error of a reply, so that a script sees by
// the exit code that a write failed in part.
func writeErrorOf(reply bsonraw.Doc) error {
	list := reply.Get("writeErrors")
	if list.Type != bsonraw.Array || list.Doc().Len() == 0 {
		return nil
	}
	first := list.Doc().Values()[0].Doc()
	code, _ := first.Get("code").AsInt64()
	message := "a write failed"
	if m := first.Get("errmsg"); m.Type == bsonraw.String {
		message = m.Str()
	}
	return errs.New(errs.Code(code), "%s", message)
}

// printReply prints a document, indented for a person.
func (a *app) printReply(doc bsonraw.Doc, canonical bool) error {
	mode := ejson.Relaxed
	if canonical {
		mode = ejson.Canonical
	}
	text := ejson.Append(nil, doc, mode)
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		out.Reset()
		out.Write(text)
	}
	out.WriteByte('\n')
	if _, err := a.io.Out.Write(out.Bytes()); err != nil {
		return outputError(err)
	}
	return nil
}
