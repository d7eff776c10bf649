package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"golang.org/x/term"
)

// heapGrowth is how many per cent the heap may grow between two collections.
// Built without cgo, as this command is, the storage layer has its cache of
// blocks in Go's heap: at Go's default of 100 importing five million documents
// took 184 MB for 60 MB of live data, and now takes 110.
const heapGrowth = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	world := &IO{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		OutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
	if world.InTerminal {
		world.ReadPassword = readPassword
	}
	os.Exit(run(os.Args[1:], world))
}

// readPassword asks at the terminal.
func readPassword(prompt string) (string, error) {
	fmt.Fprint(os.Stderr, prompt)
	line, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	return string(line), err
}

// run is main with its surroundings given.
func run(args []string, io *IO) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal a second one kills, as it would without us.
	context.AfterFunc(ctx, stop)

	a := &app{io: io}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(io.In)
	root.SetOut(io.Out)
	root.SetErr(io.Err)
	err := root.ExecuteContext(ctx)
	if e := a.close(); err == nil {
		err = e
	}
	if err != nil {
		a.json = a.json || slices.Contains(args, "--json") // behind what could not be parsed
		a.printError(err)
	}
	return exitCode(err)
}
