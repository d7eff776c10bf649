package main

import (
	"context"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// openBackend opens a store as the options of argon_open say.
func openBackend(ctx context.Context, options bsonraw.Doc) (backend, error) {
	uri, o, err := clientOptions(options)
	if err != nil {
		return nil, err
	}
	c, err := client.Open(ctx, uri, o)
	if err != nil {
		return nil, err
	}
	return sdk{c}, nil
}

// clientOptions reads the options of argon_open. A key for a server is refused
// where there is none, rather than ignored.
func clientOptions(options bsonraw.Doc) (uri string, o *client.Options, err error) {
	o = &client.Options{}
	for it := options.Iter(); it.Next(); {
		v := it.Value()
		n, isNumber := v.AsInt64()
		switch key := string(it.Key()); {
		case key == "uri" && v.Type == bsonraw.String:
			uri = v.Str()
		case key == "actor" && v.Type == bsonraw.String:
			o.Actor = v.Str()
		case key == "message" && v.Type == bsonraw.String:
			o.Message = v.Str()
		case key == "readOnly" && v.Type == bsonraw.Boolean:
			o.ReadOnly = v.Bool()
		case key == "cacheBytes" && isNumber:
			o.CacheBytes = n
		case key == "apiKey" && v.Type == bsonraw.String:
			o.APIKey = v.Str()
		default:
			return "", nil, badOption("a client", key, v)
		}
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = cacheShare(command.MachineMemory())
	}
	if o.APIKey != "" && !strings.HasPrefix(uri, "argon://") {
		return "", nil, errs.New(errs.InvalidOptions, "an API key is for a server, and %q is a directory", uri)
	}
	return uri, o, nil
}

// cacheShare is how much of a machine's memory a process that embeds the library
// gives to blocks of the store, if it does not say: a thirty-second part. Data
// frames and models live in such a process, so that it has memory, and reads
// the same data again. What has no such process, the CLI, keeps the smaller
// default of the store, which is 0 here.
func cacheShare(memory int64) int64 {
	const most = 512 << 20
	if share := min(memory/32, most); share > 32<<20 {
		return share
	}
	return 0
}

func badOption(of, key string, v bsonraw.Value) error {
	return errs.New(errs.BadValue, "%s has no option %q of type %s", of, key, v.Type.Name())
}

// sdk is a core/client as a backend.
type sdk struct{ *client.Client }

// OpenSource prepares a command that answers with a cursor.
func (s sdk) OpenSource(ctx context.Context, db string, cmd bsonraw.Doc) (source, error) {
	src, err := s.Client.OpenSource(ctx, db, cmd)
	if err != nil {
		return nil, err
	}
	return sdkSource{src}, nil
}

// sdkSource is a client.Source whose cursors are columnar's.
type sdkSource struct{ client.Source }

// Open starts the query.
func (s sdkSource) Open(ctx context.Context) (columnar.Iter, error) {
	cursor, err := s.Source.Open(ctx)
	if err != nil {
		return nil, err
	}
	return cursor, nil
}

// Parts gives the parts of a query that may be read side by side.
func (s sdkSource) Parts(ctx context.Context) ([]columnar.OpenFunc, error) {
	parted, ok := s.Source.(interface {
		Parts(context.Context) ([]engine.OpenFunc, error)
	})
	if !ok { // it comes from another process, in order
		return nil, nil
	}
	parts, err := parted.Parts(ctx)
	opens := make([]columnar.OpenFunc, len(parts))
	for i, open := range parts {
		opens[i] = func(ctx context.Context) (columnar.Iter, error) {
			cursor, err := open(ctx)
			if err != nil {
				return nil, err
			}
			return cursor, nil
		}
	}
	return opens, err
}

// withProgress lets the command that runs with ctx report its progress.
func withProgress(ctx context.Context, report func(bsonraw.Doc)) context.Context {
	return client.WithProgress(ctx, func(p client.Progress) { report(bsonraw.Doc(p.Document())) })
}

func version() string { return command.Version }
