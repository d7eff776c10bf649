package pebblekv

import (
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// networkNames are the file systems whose files another machine may have open,
// by the magic number of statfs.
var networkNames = map[int64]string{
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	unix.SMB2_SUPER_MAGIC: "SMB",
	unix.CIFS_SUPER_MAGIC: "SMB",
	unix.V9FS_MAGIC:       "9P",
	unix.FUSE_SUPER_MAGIC: "FUSE",
	unix.AFS_SUPER_MAGIC:  "AFS",
	unix.CODA_SUPER_MAGIC: "Coda",
	unix.NCP_SUPER_MAGIC:  "NCP",
	unix.CEPH_SUPER_MAGIC: "Ceph",
	0x0BD00BD0:            "Lustre",
	0x47504653:            "GPFS",
	0x7461636F:            "OCFS2",
	0x01161970:            "GFS2",
}

// networkFS names the network file system that a directory is on. Tests put
// their own in its place.
var networkFS = func(dir string) (string, bool) {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return "", false
	}
	name, ok := networkNames[int64(fs.Type)&0xFFFFFFFF]
	return name, ok
}

// bootID tells this run of this machine from all others; containers on one
// machine share it, as they share its locks.
var bootID = sync.OnceValue(func() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		host, _ := os.Hostname()
		return host
	}
	return strings.TrimSpace(string(text))
})
