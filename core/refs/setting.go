package refs

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// kindSetting is the kind of the settings: documents of the store itself, beside
// all projects and in no branch, such as users and mirrors. FROZEN.
//
//	[16][kind][00][name]  →  a BSON document
const kindSetting = 0x16

// ValidSettingKind reports whether a kind of settings has a name that a key can
// carry: not empty, without a zero byte.
func ValidSettingKind(kind string) bool {
	return kind != "" && bytes.IndexByte([]byte(kind), 0) < 0
}

// SettingKey returns the key of a setting.
func SettingKey(kind, name string) []byte {
	return append(settingPrefix(kind), name...)
}

// SettingRange returns the bounds of the settings of one kind.
func SettingRange(kind string) (lo, hi []byte) {
	lo, hi = settingPrefix(kind), settingPrefix(kind)
	hi[len(hi)-1] = 1
	return lo, hi
}

func settingPrefix(kind string) []byte {
	key := make([]byte, 0, len(kind)+34)
	return append(append(append(key, kindSetting), kind...), 0)
}

// SettingName returns the kind and the name in a setting's key.
func SettingName(key []byte) (kind, name string, err error) {
	end := bytes.IndexByte(key, 0)
	if end < 2 || key[0] != kindSetting {
		return "", "", errs.New(errs.StoreCorrupt, "a setting's key has no kind: %x", key)
	}
	return string(key[1:end]), string(key[end+1:]), nil
}

func checkSetting(key, value []byte) error {
	if _, _, err := SettingName(key); err != nil {
		return err
	}
	if err := bsonraw.Validate(value); err != nil {
		return errs.Wrap(err, errs.StoreCorrupt, "a setting is not a BSON document")
	}
	return nil
}
