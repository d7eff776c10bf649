//go:build unix

package attach

import (
	"os"
	"syscall"

	"github.com/argon-lab/argon/core/errs"
)

// onlyOurs is an error if another user could put something into a directory.
func onlyOurs(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || ok && int(st.Uid) != os.Getuid() {
		return errs.New(errs.Unauthorized, "%s is not a directory of this user alone (it is %s)", dir, info.Mode()).
			WithRemedy("remove it, or set XDG_RUNTIME_DIR to a directory that only you can write to")
	}
	return nil
}
