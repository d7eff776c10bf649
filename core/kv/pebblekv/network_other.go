//go:build !linux

package pebblekv

import (
	"os"
	"sync"
)

// networkFS would name the network file system that a directory is on.
var networkFS = func(string) (string, bool) { return "", false }

// bootID tells this machine from others.
var bootID = sync.OnceValue(func() string {
	host, _ := os.Hostname()
	return host
})
