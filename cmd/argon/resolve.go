package main

import (
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/errs"
)

// resolveOptions are the flags that settle conflicts, of merge and undo.
type resolveOptions struct {
	resolve []string
	file    string
	expect  string
}

func (o *resolveOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.resolve, "resolve", nil, "ours or theirs for all conflicts, or N=ours|theirs|base|remove|JSON for one; may be repeated")
	f.StringVar(&o.file, "resolve-file", "", `file with a JSON array of resolutions: {"n" or "collection", "_id", "path"; "take" or "value" or "remove"} (- is standard input)`)
	f.StringVar(&o.expect, "expect", "", "OURS:THEIRS, the LSNs of the plan that was looked at; fail if a branch has moved on")
}

// parse reads the flags.
func (o *resolveOptions) parse(a *app) (*client.Resolve, error) {
	r := &client.Resolve{}
	for _, text := range o.resolve {
		if err := parseResolution(text, r); err != nil {
			return nil, err
		}
	}
	if o.file != "" {
		if err := readResolutions(a, o.file, r); err != nil {
			return nil, err
		}
	}
	return r, parseExpect(o.expect, r)
}

func parseResolution(text string, r *client.Resolve) error {
	n, take, single := strings.Cut(text, "=")
	if !single {
		if text != "ours" && text != "theirs" {
			return usage("--resolve %s is none of ours, theirs and N=…", text)
		}
		if r.Strategy != "" && r.Strategy != text {
			return usage("--resolve says both ours and theirs for all conflicts")
		}
		r.Strategy = text
		return nil
	}
	number, err := strconv.Atoi(n)
	if err != nil || number < 1 {
		return usage("--resolve %s does not begin with the number of a conflict", text)
	}
	res := client.Resolution{N: number}
	switch take {
	case "ours", "theirs", "base":
		res.Take = take
	case "remove":
		res.Remove = true
	default:
		v, err := parseValue(take)
		if err != nil {
			return usage("--resolve %s is none of ours, theirs, base and remove, and no JSON value: %v", text, err)
		}
		res.Value = v
	}
	r.Resolutions = append(r.Resolutions, res)
	return nil
}

// fileResolution is one resolution in a file.
type fileResolution struct {
	N          int             `json:"n"`
	Collection string          `json:"collection"`
	ID         json.RawMessage `json:"_id"`
	Path       string          `json:"path"`
	Take       string          `json:"take"`
	Value      json.RawMessage `json:"value"`
	Remove     bool            `json:"remove"`
}

func readResolutions(a *app, name string, r *client.Resolve) error {
	in := a.io.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return errs.Wrap(err, errs.BadValue, "cannot read the resolutions")
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return errs.Wrap(err, errs.BadValue, "cannot read the resolutions")
	}
	var list []fileResolution
	if err := json.Unmarshal(data, &list); err != nil {
		return errs.Wrap(err, errs.FailedToParse, "%s is not a JSON array of resolutions", name)
	}
	for i, f := range list {
		res := client.Resolution{N: f.N, Collection: f.Collection, Path: f.Path, Take: f.Take, Remove: f.Remove}
		if f.ID != nil {
			if res.ID, err = parseValue(string(f.ID)); err != nil {
				return errs.Wrap(err, errs.FailedToParse, "resolution %d of %s has an _id that is no Extended JSON", i+1, name)
			}
		}
		if f.Value != nil {
			if res.Value, err = parseValue(string(f.Value)); err != nil {
				return errs.Wrap(err, errs.FailedToParse, "resolution %d of %s has a value that is no Extended JSON", i+1, name)
			}
		}
		r.Resolutions = append(r.Resolutions, res)
	}
	return nil
}

func parseExpect(text string, r *client.Resolve) error {
	if text == "" {
		return nil
	}
	ours, theirs, _ := strings.Cut(text, ":")
	var err error
	if r.ExpectOurs, err = strconv.ParseInt(ours, 10, 64); err == nil && theirs != "" {
		r.ExpectTheirs, err = strconv.ParseInt(theirs, 10, 64)
	}
	if err != nil {
		return usage("--expect %s is not OURS:THEIRS, two LSNs", text)
	}
	return nil
}
