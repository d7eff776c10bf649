package attach

import "golang.org/x/sys/unix"

// stoppedState is SSTOP of <sys/proc.h>.
const stoppedState = 4

// isStopped reports whether a process is stopped: by SIGSTOP, Ctrl-Z in its
// terminal, or a debugger.
func isStopped(pid int) bool {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	return err == nil && info.Proc.P_stat == stoppedState
}
