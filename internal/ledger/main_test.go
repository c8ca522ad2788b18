package ledger

import (
	"os"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// TestMain silences Tessera, and lets the test binary be the writer that
// TestKill9 kills.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	if dir := os.Getenv(victimDir); dir != "" {
		victim(dir)
		return
	}
	os.Exit(m.Run())
}
