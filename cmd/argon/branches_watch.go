package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/ejson"
)

type branchesWatchOptions struct {
	branch, collection string
	since, after       string
	match              string
	limit              int64
	noWait, all, full  bool
	canonical          bool
}

func newBranchesWatch(a *app) *cobra.Command {
	var o branchesWatchOptions
	cmd := &cobra.Command{
		Use: "watch [BRANCH]", Short: "Print a branch's changes as they happen, one a line", Args: cobra.MaximumNArgs(1),
		Long: "Print a branch's changes as they happen, one a line, until Ctrl-C: what MongoDB's change\nstreams tell. With --since, first those since a moment of the past, however long ago;\n--since 0 is the very beginning. With --json, events as MongoDB has them; the _id of one\ncan be given to --after, to go on behind it.",
		Example: example(`
argon branches watch main -p shop
argon branches watch exp -p shop -c users --since -10 --no-wait
argon branches watch -p shop --since 2026-11-24T06:00:00Z --json --full
argon branches watch -p shop --all-branches --match '{operationType: "delete"}'`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.branch = args[0]
			}
			return runBranchesWatch(cmd.Context(), a, &o)
		},
	}
	branchFlag(cmd, &o.branch)
	collectionFlag(cmd, &o.collection, "only changes of this collection")
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "begin behind this moment: an LSN, a time, -n for n commits back, or a tag")
	f.StringVar(&o.after, "after", "", "begin behind the event with this token")
	f.StringVar(&o.match, "match", "", "only events that this filter matches, as JSON")
	f.Int64VarP(&o.limit, "limit", "n", 0, "end after so many events")
	f.BoolVar(&o.noWait, "no-wait", false, "end when nothing is left to print")
	f.BoolVar(&o.all, "all-branches", false, "changes of all branches of the project")
	f.BoolVar(&o.full, "full", false, "with the documents before and after, and changes of collections and indexes")
	f.BoolVar(&o.canonical, "canonical", false, "with --json, canonical Extended JSON, which keeps every type")
	return cmd
}

func runBranchesWatch(ctx context.Context, a *app, o *branchesWatchOptions) error {
	stream, err := o.open(ctx, a)
	if err != nil {
		return err
	}
	more := stream.Next
	if o.noWait {
		more = stream.TryNext
	}
	for n := int64(0); (o.limit == 0 || n < o.limit) && more(ctx); n++ {
		if err := o.print(a, bsonraw.Doc(stream.Current())); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		// The end that there is to a verb that goes on for ever.
		token, _ := stream.ResumeToken().Lookup("_data").StringValueOK()
		fmt.Fprintf(a.io.Err, "go on with --after %s\n", token)
		return nil
	}
	if err := stream.Err(); err != nil {
		return err
	}
	return stream.Close(ctx)
}

// open opens the stream that the flags ask for.
func (o *branchesWatchOptions) open(ctx context.Context, a *app) (*client.ChangeStream, error) {
	if name, moment, ok := strings.Cut(o.branch, "@"); ok {
		return nil, usage("%s is a moment, at which nothing changes any more; say: watch %s --since %s", o.branch, name, moment)
	}
	opts := &client.WatchOptions{Since: o.since, FullDocument: o.full, BeforeChange: o.full, Expanded: o.full}
	if o.after != "" {
		token, err := bson.Marshal(bson.D{{Key: "_data", Value: o.after}})
		if err != nil {
			return nil, err
		}
		opts.StartAfter = token
	}
	filter, err := optionalDoc("match", o.match)
	if err != nil {
		return nil, err
	}
	pipeline := bson.A{}
	if filter != nil {
		pipeline = append(pipeline, bson.D{{Key: "$match", Value: bson.Raw(filter.(bsonraw.Doc))}})
	}
	b, err := a.openBranch(ctx, o.branch, "")
	if err != nil {
		return nil, err
	}
	if _, err := b.Resolve(ctx); err != nil {
		return nil, err // so that a project that is not there is no silence
	}
	switch {
	case o.all && o.collection != "":
		return nil, usage("--all-branches and --collection cannot be given together; use --match '{\"ns.coll\": %q}'", o.collection)
	case o.all:
		return b.Project().Watch(ctx, pipeline, opts)
	case o.collection != "":
		return b.Collection(o.collection).Watch(ctx, pipeline, opts)
	}
	return b.Watch(ctx, pipeline, opts)
}

// print prints one event.
func (o *branchesWatchOptions) print(a *app, ev bsonraw.Doc) error {
	var line string
	if a.json {
		mode := ejson.Relaxed
		if o.canonical {
			mode = ejson.Canonical
		}
		line = string(ejson.Append(nil, ev, mode))
	} else {
		line = eventLine(ev)
	}
	if _, err := fmt.Fprintln(a.io.Out, line); err != nil {
		return outputError(err)
	}
	return nil
}

// eventLine shows an event: LSN, time, what, where, which document, and how.
func eventLine(ev bsonraw.Doc) string {
	kind := ev.Get("operationType").Str()
	ns := ev.Get("ns").Doc()
	place := ""
	if db := ns.Get("db"); db.Type == bsonraw.String {
		place = db.Str()
		if coll := ns.Get("coll"); coll.Type == bsonraw.String {
			place += "." + coll.Str()
		}
	}
	parts := []string{
		number(client.LSNOf(client.Document(ev.Get("_id").Doc()))), when(ev.Get("wallTime").Time()), kind, place,
	}
	if id := ev.Get("documentKey").Doc().Get("_id"); !id.IsMissing() {
		parts = append(parts, shellText(id))
	}
	if to := ev.Get("to").Doc(); to != nil {
		parts = append(parts, "to "+to.Get("coll").Str())
	}
	if d := ev.Get("updateDescription").Doc(); d != nil {
		parts = append(parts, describeUpdate(d))
	} else if doc := ev.Get("fullDocument"); doc.Doc() != nil {
		parts = append(parts, cut(plain(doc), 2*cellWidth))
	}
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}

// describeUpdate shows an updateDescription: what was set, and -field for what
// was removed.
func describeUpdate(d bsonraw.Doc) string {
	var parts []string
	if set := d.Get("updatedFields"); !set.Doc().IsEmpty() {
		parts = append(parts, cut(plain(set), 2*cellWidth))
	}
	for _, v := range d.Get("removedFields").Doc().Values() {
		parts = append(parts, "-"+v.Str())
	}
	for _, v := range d.Get("truncatedArrays").Doc().Values() {
		parts = append(parts, fmt.Sprintf("%s cut to %d", v.Doc().Get("field").Str(), v.Doc().Get("newSize").Int32()))
	}
	return strings.Join(parts, " ")
}
