//go:build !linux

package mongotest

import (
	"os"
	"os/exec"
)

// dieWithParent does nothing here: a test binary that is killed leaves its
// mongod behind.
func dieWithParent(*exec.Cmd) {}

// processRuns is true where that is not known, so that nothing is deleted.
func processRuns(pid int) bool {
	_, err := os.FindProcess(pid)
	return err == nil
}
