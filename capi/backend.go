package main

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// openBackend opens a store as the options of argon_open say.
var openBackend = func(ctx context.Context, options bsonraw.Doc) (backend, error) {
	return nil, errs.New(errs.NotSupported, "core/client is not there")
}

// withProgress lets the command that runs with ctx report its progress.
func withProgress(ctx context.Context, report func(bsonraw.Doc)) context.Context { return ctx }

func version() string { return "0.1.0" }
