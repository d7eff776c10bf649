package mongotest

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the process when ours ends, however it does.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

func processRuns(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }
