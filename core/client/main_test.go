package client

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// attachedMode makes openTest hand out a client that is attached to another one.
var attachedMode = os.Getenv("ARGON_TEST_PLACE") == "attached"

// TestMain runs every test twice: on a store in the client itself, and on one
// that another client hosts.
func TestMain(m *testing.M) {
	if spec := os.Getenv(killedImport); spec != "" {
		if err := importUntilKilled(strings.Split(spec, "\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if code == 0 && !attachedMode {
		attachedMode = true
		fmt.Println("attached:")
		code = m.Run()
	}
	os.Exit(code)
}
