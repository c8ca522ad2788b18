package volume

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestExplain makes each error as the system makes it, where that needs no mount.
func TestExplain(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		err   error
		where string
		want  []string
	}{
		"no room":             {Check(dir, math.MaxUint64), "(" + dir + "): ", []string{"the ledger's volume is full: less than ", " MiB are free", "ledger.persistence.size"}},
		"no room any more":    {fmt.Errorf("append: %w", &os.PathError{Op: "write", Path: file, Err: unix.ENOSPC}), file, []string{"the ledger's volume is full", "write " + file, "ledger.persistence.size"}},
		"read-only":           {&os.PathError{Op: "open", Path: file, Err: unix.EROFS}, file, []string{"the ledger's volume is read-only", "mount the volume for writing"}},
		"a file in its place": {MkdirAll(file), file, []string{file + " is not a directory", "move away what is in its place"}},
		"not ours":            {inUnwritableDirectory(t, MkdirAll), "mkdir ", []string{"permission denied", "let user ", "fsGroup"}},
		"a lock not ours":     {inUnwritableDirectory(t, func(path string) error { _, err := Lock(path); return err }), "/below", []string{"permission denied", "fsGroup"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Explain(dir, tc.err)
			if !errors.Is(got, tc.err) || !strings.Contains(got.Error(), tc.where) {
				t.Errorf("got %q, want %q, in %s", got, tc.err, tc.where)
			}
			for _, want := range tc.want {
				if !strings.Contains(got.Error(), want) {
					t.Errorf("got %q, without %q", got, want)
				}
			}
		})
	}
	for _, err := range []error{nil, ErrInUse, unix.EIO} {
		if got := Explain(dir, err); !errors.Is(got, err) || (err != nil && got.Error() != err.Error()) {
			t.Errorf("got %v, want %v", got, err)
		}
	}
}

// inUnwritableDirectory calls do with a path in a directory that the caller may not
// write. What is privileged may write everywhere, so its thread does so as somebody
// else.
func inUnwritableDirectory(t *testing.T, do func(path string) error) error {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	result := make(chan error)
	go func() {
		// The thread is not given back: it ends with the goroutine.
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			const nobody = 65534
			if _, err := unix.SetfsuidRetUid(nobody); err != nil {
				result <- err
				return
			}
		}
		result <- do(filepath.Join(dir, "below"))
	}()
	return <-result
}
