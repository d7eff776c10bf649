package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/errs"
)

// IO is the world as a verb sees it.
type IO struct {
	In       io.Reader
	Out, Err io.Writer

	InTerminal, OutTerminal, ErrTerminal bool

	// ReadPassword asks at the terminal, without showing what is typed. It is nil
	// where there is no terminal.
	ReadPassword func(prompt string) (string, error)
}

// app is what the verbs share: the world, the flags of the root, and the store,
// which is opened when it is first needed.
type app struct {
	io      *IO
	store   string
	project string
	actor   string
	json    bool
	opened  *client.Client
	log     *slog.Logger // of a verb that serves; nil for the others
	stays   bool         // the verb goes on until it is interrupted, as a server does
}

// open opens the store.
func (a *app) open(ctx context.Context) (*client.Client, error) {
	if a.opened != nil {
		return a.opened, nil
	}
	c, err := client.Open(ctx, a.store, &client.Options{Log: a.log, Actor: a.actor, Brief: !a.stays})
	if err != nil {
		return nil, err
	}
	a.opened = c
	return c, nil
}

func (a *app) close() error {
	if a.opened == nil {
		return nil
	}
	return a.opened.Close()
}

// openProject opens the store and names the project of -p.
func (a *app) openProject(ctx context.Context) (*client.Project, error) {
	c, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	return c.Project(a.project), nil
}

// openBranch opens the store and names a branch, at a moment unless it is "".
func (a *app) openBranch(ctx context.Context, branch, at string) (*client.Branch, error) {
	p, err := a.openProject(ctx)
	if err != nil {
		return nil, err
	}
	if name, moment, pinned := strings.Cut(branch, "@"); pinned {
		if at != "" {
			return nil, usage("the moment is given twice, as %s and as %s", branch, at)
		}
		branch, at = name, moment
	}
	b := p.Branch(branch)
	if at != "" {
		b = b.At(at)
	}
	return b, nil
}

// usage makes an error of a wrong use.
func usage(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// printf writes to standard output.
func (a *app) printf(format string, args ...any) {
	fmt.Fprintf(a.io.Out, format, args...)
}

// printJSON writes a value as one indented JSON document.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.io.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printError writes an error, its remedy, and whatever helps to go on.
func (a *app) printError(err error) {
	e := errs.As(err)
	if a.json {
		if e == nil {
			e = coded(err)
		}
		enc := json.NewEncoder(a.io.Err)
		enc.SetEscapeHTML(false)
		// Standard error is the last resort: a failure to write there has nowhere to go.
		_ = enc.Encode(map[string]any{"error": map[string]any{
			"code": int32(e.Code), "codeName": e.Code.Name(), "category": e.Code.Category().String(),
			"message": e.Message, "remedy": e.RemedyText(),
		}})
		return
	}
	var u usageError
	switch {
	case errors.As(err, &u):
		fmt.Fprintf(a.io.Err, "argon: %v\n", err)
	case e != nil:
		fmt.Fprintf(a.io.Err, "argon: %s\n", e.Message)
		if r := e.RemedyText(); r != "" {
			fmt.Fprintf(a.io.Err, "  %s\n", r)
		}
	default:
		fmt.Fprintf(a.io.Err, "argon: %v\n", err)
	}
}

// coded gives a code to an error that has none: wrong use, or a defect.
func coded(err error) *errs.Error {
	message, remedy, _ := strings.Cut(err.Error(), "\n  ")
	if u := (usageError{}); errors.As(err, &u) {
		return errs.New(errs.FailedToParse, "%s", message).WithRemedy("%s", remedy)
	}
	return errs.New(errs.InternalError, "%s", message)
}

// confirm asks before something is destroyed. Without a terminal there is nobody
// to ask: --yes has to say it.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !a.io.InTerminal {
		return usage("%s Say --yes to go on", question)
	}
	fmt.Fprintf(a.io.Err, "%s [y/N] ", question)
	line, err := bufio.NewReader(a.io.In).ReadString('\n')
	if err != nil && line == "" {
		return errs.New(errs.Interrupted, "nothing was changed")
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errs.New(errs.Interrupted, "nothing was changed")
}
