//go:build velero

package docs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/test/velero"
)

// TestDemoFull does what TestDemo does with the demo that has the real Velero.
func TestDemoFull(t *testing.T) {
	if err := velero.Built(); err != nil {
		t.Fatal(err)
	}
	tr := newTree(t)
	bin := filepath.Join(tr.dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(tr.root, "bin", "velero"), filepath.Join(bin, "velero")); err != nil {
		t.Fatal(err)
	}
	// The copy's files are newer than what was built of them.
	tr.demo(t, "make demo-full", "--old-file=bin/velero/velero", "--old-file=bin/velero/plugins/velero-plugin-for-aws", "--old-file=bin/velero/versitygw")
}
