package refs

import (
	"encoding/binary"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wal"
)

// Keys of the ref records, all unversioned. FROZEN; integers big-endian.
//
//	[10][name]                       project
//	[11][project 4][name]            branch
//	[12][segment 8]                  segment
//	[13][project 4][name]            tag
//	[14][project 4][LSN 8][n 2]      ref log, n counting within the commit
//	[15][segment 8][LSN 8]           merge (merge.go)
//	[16][kind][00][name]             setting (setting.go)
const (
	kindProject = 0x10
	kindBranch  = 0x11
	kindSegment = 0x12
	kindTag     = 0x13
	kindRefLog  = 0x14
)

// ProjectKey returns the key of a project.
func ProjectKey(name string) []byte { return append([]byte{kindProject}, name...) }

// ProjectRange returns the bounds of all projects.
func ProjectRange() (lo, hi []byte) { return []byte{kindProject}, []byte{kindProject + 1} }

// BranchKey returns the key of a branch.
func BranchKey(p wal.ProjectID, name string) []byte {
	return append(projectPrefix(kindBranch, p), name...)
}

// BranchRange returns the bounds of all branches of a project.
func BranchRange(p wal.ProjectID) (lo, hi []byte) { return projectRange(kindBranch, p) }

// SegmentKey returns the key of a segment.
func SegmentKey(s wal.SegmentID) []byte {
	return binary.BigEndian.AppendUint64([]byte{kindSegment}, uint64(s))
}

// SegmentRange returns the bounds of all segments of all projects.
func SegmentRange() (lo, hi []byte) { return []byte{kindSegment}, []byte{kindSegment + 1} }

// TagKey returns the key of a tag.
func TagKey(p wal.ProjectID, name string) []byte {
	return append(projectPrefix(kindTag, p), name...)
}

// TagRange returns the bounds of all tags of a project.
func TagRange(p wal.ProjectID) (lo, hi []byte) { return projectRange(kindTag, p) }

// RefLogKey returns the key of the n-th entry that a commit makes in the ref
// log of a project.
func RefLogKey(p wal.ProjectID, lsn wal.LSN, n uint16) []byte {
	key := binary.BigEndian.AppendUint64(projectPrefix(kindRefLog, p), uint64(lsn))
	return binary.BigEndian.AppendUint16(key, n)
}

// RefLogRange returns the bounds of the ref log of a project, oldest first.
func RefLogRange(p wal.ProjectID) (lo, hi []byte) { return projectRange(kindRefLog, p) }

func projectPrefix(kind byte, p wal.ProjectID) []byte {
	return binary.BigEndian.AppendUint32([]byte{kind}, uint32(p))
}

// projectRange returns the bounds of one kind in a project. The last possible
// project's end is the next kind.
func projectRange(kind byte, p wal.ProjectID) (lo, hi []byte) {
	if p+1 == 0 {
		return projectPrefix(kind, p), []byte{kind + 1}
	}
	return projectPrefix(kind, p), projectPrefix(kind, p+1)
}

func projectOf(key []byte) wal.ProjectID { return wal.ProjectID(binary.BigEndian.Uint32(key[1:])) }

func segmentOf(key []byte) wal.SegmentID { return wal.SegmentID(binary.BigEndian.Uint64(key[1:])) }

func lsnOf(key []byte) wal.LSN { return wal.LSN(binary.BigEndian.Uint64(key[5:])) }

// FirstKind and LastKind are the kinds of key that belong to this package.
const (
	FirstKind = 0x10
	LastKind  = 0x1F
)

// CheckRecord reports why a record does not decode.
func CheckRecord(key, value []byte) (err error) {
	switch key[0] {
	case kindProject:
		_, err = DecodeProject(key, value)
	case kindBranch:
		_, err = DecodeBranch(key, value)
	case kindSegment:
		_, err = DecodeSegment(key, value)
	case kindTag:
		_, err = DecodeTag(key, value)
	case kindRefLog:
		_, err = DecodeLogEntry(key, value)
	case kindMerge:
		_, _, err = DecodeMerge(key, value)
	case kindSetting:
		err = checkSetting(key, value)
	default:
		err = errs.New(errs.StoreCorrupt, "a ref record of no known kind: %x", key)
	}
	return err
}
