package volume

import (
	"os"

	"golang.org/x/sys/unix"
)

// readOnlyFlag marks a file system that cannot be written.
const readOnlyFlag = unix.MNT_RDONLY

// SyncData makes the content of a file durable.
func SyncData(f *os.File) error { return f.Sync() }
