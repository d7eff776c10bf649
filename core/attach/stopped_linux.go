package attach

import (
	"bytes"
	"os"
	"strconv"
)

// isStopped reports whether a process is stopped: by SIGSTOP, Ctrl-Z in its
// terminal, or a debugger.
func isStopped(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	// "pid (name) state …", where the name may have anything in it.
	_, rest, _ := bytes.Cut(text[max(bytes.LastIndexByte(text, ')'), 0):], []byte(" "))
	return len(rest) > 0 && (rest[0] == 'T' || rest[0] == 't')
}
