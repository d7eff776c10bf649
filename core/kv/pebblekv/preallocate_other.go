//go:build !linux

package pebblekv

import "github.com/cockroachdb/pebble/v2/vfs"

func preallocate(file vfs.File, off, n int64) error { return file.Preallocate(off, n) }
