package pebblekv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	require.NoError(t, err)
	return s
}

func put(t testing.TB, s *Store, key, value string) {
	t.Helper()
	b := s.NewBatch()
	b.Set([]byte(key), []byte(value))
	require.NoError(t, s.Apply(b, true))
}

func requireValue(t testing.TB, s *Store, key, want string) {
	t.Helper()
	v, ok, err := s.Get([]byte(key))
	require.NoError(t, err)
	require.True(t, ok, key)
	require.Equal(t, want, string(v))
}

func TestFormatGolden(t *testing.T) {
	require.Equal(t, "argon store 1\ncrc32c 7b946b91\n", formatText(1))
}

func TestOpenMakesAStoreAndFindsItAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "store")
	s := open(t, dir, Options{})
	put(t, s, "k", "v")
	require.NoError(t, s.Close())
	require.FileExists(t, filepath.Join(dir, formatName))
	require.FileExists(t, filepath.Join(dir, sealName))
	s = open(t, dir, Options{MustExist: true})
	require.NoFileExists(t, filepath.Join(dir, sealName))
	requireValue(t, s, "k", "v")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closing twice is harmless")
	_, _, err := s.Get([]byte("k"))
	require.Equal(t, errs.StoreClosed, errs.CodeOf(err))
}

func TestOpenRefusesWhatIsNotAStore(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "data.csv")
	require.NoError(t, os.WriteFile(file, []byte("a,b\n"), 0o600))
	for _, path := range []string{dir, file} {
		_, err := Open(path, Options{})
		require.Equal(t, errs.NotAStore, errs.CodeOf(err), "%v", err)
		require.Contains(t, err.Error(), path)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing was written")
	_, err = Open(filepath.Join(dir, "absent"), Options{MustExist: true})
	require.Equal(t, errs.NotAStore, errs.CodeOf(err))
	require.NoDirExists(t, filepath.Join(dir, "absent"))
}

func TestOpenChecksTheFormat(t *testing.T) {
	for _, c := range []struct {
		text string
		want errs.Code
	}{
		{formatText(2), errs.StoreTooNew},
		{formatText(1000), errs.StoreTooNew},
		{strings.Replace(formatText(1), "1", "3", 1), errs.StoreCorrupt},
		{"argon store 1\n", errs.StoreCorrupt},
		{"argon store x\n", errs.StoreCorrupt},
		{"something else", errs.NotAStore},
		{"", errs.NotAStore},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, formatName), []byte(c.text), 0o600))
		_, err := Open(dir, Options{})
		require.Equal(t, c.want, errs.CodeOf(err), "%q: %v", c.text, err)
	}
}

func TestLockNamesItsHolder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for _, readOnly := range []bool{false, true} {
		_, err := Open(dir, Options{ReadOnly: readOnly})
		require.Equal(t, errs.StoreLocked, errs.CodeOf(err), "%v", err)
		require.Contains(t, err.Error(), dir)
		require.Contains(t, err.Error(), fmt.Sprint(os.Getpid()))
		require.Contains(t, err.Error(), os.Args[0])
	}
	require.NoError(t, s.Close())
	require.NoError(t, open(t, dir, Options{}).Close())
}

// TestLockSurvivesClosesOfItsFile is what POSIX record locks fail: any close
// of the file in the process drops them.
func TestLockSurvivesClosesOfItsFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	_, err := os.ReadFile(filepath.Join(dir, lockName))
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(filepath.Join(t.TempDir(), "copy"), os.DirFS(dir)))
	_, err = Open(dir, Options{})
	require.Equal(t, errs.StoreLocked, errs.CodeOf(err))
	require.NoError(t, s.Close())
}

// TestLockOfAnotherProcess opens a store in a child process and is kept out.
func TestLockOfAnotherProcess(t *testing.T) {
	if dir := os.Getenv("ARGON_TEST_HOLD"); dir != "" {
		open(t, dir, Options{})
		fmt.Println("held")
		_, _ = fmt.Scanln()
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockOfAnotherProcess$")
	cmd.Env = append(os.Environ(), "ARGON_TEST_HOLD="+dir)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	buf := make([]byte, 64)
	n, err := out.Read(buf)
	require.NoError(t, err)
	require.Contains(t, string(buf[:n]), "held")
	_, err = Open(dir, Options{})
	require.Equal(t, errs.StoreLocked, errs.CodeOf(err))
	require.Contains(t, err.Error(), fmt.Sprintf("process %d", cmd.Process.Pid))
	require.NoError(t, cmd.Process.Kill())
	_ = in.Close()
	_ = cmd.Wait()
	require.NoError(t, open(t, dir, Options{}).Close(), "a killed process holds nothing")
}

// TestLockOfAForkedProcess is a lock held by a child of a process that is gone.
func TestLockOfAForkedProcess(t *testing.T) {
	err := lockedError("/store", Holder{PID: 1 << 22, Host: hostname(t), Boot: bootID(), Command: "python train.py"})
	require.Equal(t, errs.StoreLocked, errs.CodeOf(err))
	require.Contains(t, err.Error(), "which has ended")
	require.Contains(t, lockedError("/store", Holder{PID: 1 << 22, Host: "elsewhere", Command: "x"}).Error(), "on host elsewhere")
	require.Contains(t, lockedError("/store", Holder{}).Error(), "only reads it")
}

// TestSecondHostOnANetworkFileSystem has a lock that is free although another
// machine has not closed the store: on NFS or SMB that is no proof.
func TestSecondHostOnANetworkFileSystem(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, open(t, dir, Options{}).Close())
	lock := filepath.Join(dir, lockName)
	require.NoError(t, os.WriteFile(lock, []byte("77\nworkstation\npython train.py\nanother-boot\n\n"), 0o600))
	real := networkFS
	t.Cleanup(func() { networkFS = real })
	networkFS = func(string) (string, bool) { return "NFS", true }
	for _, readOnly := range []bool{false, true} {
		_, err := Open(dir, Options{ReadOnly: readOnly})
		require.Equal(t, errs.StoreLocked, errs.CodeOf(err), "%v", err)
		require.Contains(t, err.Error(), "network file system (NFS)")
		require.Contains(t, err.Error(), "process 77 on host workstation (python train.py)")
		require.Contains(t, err.Error(), "argon serve")
		require.Contains(t, err.Error(), "remove "+lock)
	}
	require.NoError(t, os.WriteFile(lock, []byte("77\n"+hostname(t)+"\npython train.py\nanother-boot\n\n"), 0o600))
	require.NoError(t, open(t, dir, Options{}).Close(), "this machine was started again")
	require.NoError(t, os.WriteFile(lock, []byte("77\nworkstation\npython train.py\nanother-boot\n\n"), 0o600))
	networkFS = real
	require.NoError(t, open(t, dir, Options{}).Close(), "a local file system's locks count")
}

func TestLockHolder(t *testing.T) {
	dir := t.TempDir()
	h, err := LockHolder(dir)
	require.NoError(t, err)
	require.Zero(t, h)
	s := open(t, dir, Options{Token: "abc"})
	h, err = LockHolder(dir)
	require.NoError(t, err)
	require.Equal(t, Holder{os.Getpid(), hostname(t), h.Command, bootID(), "abc", true, true}, h)
	require.Contains(t, h.Command, os.Args[0])
	require.NoError(t, s.Close())
	h, err = LockHolder(dir)
	require.NoError(t, err)
	require.Zero(t, h)
}

func hostname(t *testing.T) string {
	host, err := os.Hostname()
	require.NoError(t, err)
	return host
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(t, s, "k", "v")
	require.NoError(t, s.Close())
	before := listing(t, dir)

	a := open(t, dir, Options{ReadOnly: true})
	b := open(t, dir, Options{ReadOnly: true})
	requireValue(t, a, "k", "v")
	requireValue(t, b, "k", "v")
	_, err := Open(dir, Options{})
	require.Equal(t, errs.StoreLocked, errs.CodeOf(err))
	batch := a.NewBatch()
	batch.Set([]byte("x"), nil)
	require.Equal(t, errs.StoreReadOnly, errs.CodeOf(a.Apply(batch, true)))
	require.Equal(t, errs.StoreReadOnly, errs.CodeOf(a.Flush()))
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
	require.Equal(t, before, listing(t, dir), "not a byte was written")
}

// listing returns the names and sizes of all files in a directory.
func listing(t testing.TB, dir string) (all []string) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		all = append(all, fmt.Sprint(path, " ", info.Size()))
		return err
	}))
	return all
}

func TestReadOnlyDirectory(t *testing.T) {
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("the superuser may write everywhere")
	}
	dir := t.TempDir()
	require.NoError(t, open(t, dir, Options{}).Close())
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	_, err := Open(dir, Options{})
	require.Equal(t, errs.StoreReadOnly, errs.CodeOf(err), "%v", err)
	require.NoError(t, open(t, dir, Options{ReadOnly: true}).Close())
}

func TestCheckpointIsAStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "store"), Options{})
	put(t, s, "k", "v")
	b := s.NewBatch()
	b.Set([]byte("unsynced"), []byte("v"))
	require.NoError(t, s.Apply(b, false))
	require.NoError(t, s.Checkpoint(filepath.Join(dir, "copy")))
	require.Error(t, s.Checkpoint(filepath.Join(dir, "copy")), "never over another store")
	put(t, s, "k", "newer")
	c := open(t, filepath.Join(dir, "copy"), Options{})
	requireValue(t, c, "k", "v")
	requireValue(t, c, "unsynced", "v")
	put(t, c, "k", "of the copy")
	requireValue(t, s, "k", "newer")
	require.NoError(t, c.Close())
	require.NoError(t, s.Close())
}

func TestOpenFinishesAStoreHalfMade(t *testing.T) {
	fs := vfs.NewMem()
	require.NoError(t, fs.MkdirAll("store", 0o755))
	require.NoError(t, writeFile(fs, "store", formatName, []byte(formatText(1))))
	s := open(t, "store", Options{FS: fs})
	put(t, s, "k", "v")
	require.NoError(t, s.Close())
}

// TestDirectoryThatCannotBe: where no directory can be made nothing is damaged.
func TestDirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	paths := []string{filepath.Join(file, "store"), filepath.Join(file, "a", "b")}
	if runtime.GOOS == "linux" {
		paths = append(paths, "/proc/argon/store")
	}
	for _, path := range paths {
		_, err := Open(path, Options{})
		require.Contains(t, []errs.Code{errs.StoreIO, errs.NotAStore, errs.StoreReadOnly}, errs.CodeOf(err), "%s: %v", path, err)
	}
}
