//go:build !linux

package pebblekv

import "github.com/cockroachdb/pebble/v2/vfs"

func direct(f vfs.File) vfs.File { return f }
