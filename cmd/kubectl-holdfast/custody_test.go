package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"

	"github.com/holdfast-dev/holdfast/internal/serve"
)

// TestE39BundleFromTheCommandLine packs a ledger, and verifies what was packed,
// packed and unpacked.
func TestE39BundleFromTheCommandLine(t *testing.T) {
	w := write(t, day()...)
	t.Chdir(t.TempDir())
	_, errs, status := holdfast(t, "export", w.dir, "--from", "2026-03-01", "--to", "2026-03-02", "--html", "-f", "b.tar.zst")
	if status != statusDone || !strings.Contains(errs, "Packed 21 entries of 1 ledger") || !strings.Contains(errs, "The record is Interim.") {
		t.Fatalf("export: status %d: %s", status, errs)
	}
	cases := map[string]struct {
		args []string
		want int
	}{
		"key and checkpoint": {[]string{"--key", w.key, "--held", w.held}, statusDone},
		"key":                {[]string{"--key", w.key}, statusIncomplete},
		"checkpoint":         {[]string{"--held", w.held}, statusIncomplete},
	}
	for name, tc := range cases {
		out, errs, status := holdfast(t, append([]string{"verify", "b.tar.zst"}, tc.args...)...)
		if status != tc.want || errs != "" {
			t.Errorf("%s: status %d, want %d: %s%s", name, status, tc.want, out, errs)
		}
	}
	for _, args := range [][]string{{"report", "-o", "json"}, {"timeline", "--ascii"}, {"episodes"}} {
		args = append([]string{args[0]}, append(args[1:], "--from", "2026-03-01", "--to", "2026-03-02")...)
		of := func(arg string) string {
			out, errs, status := holdfast(t, append([]string{args[0], arg}, args[1:]...)...)
			if status != statusDone {
				t.Errorf("%s of %s: status %d: %s", args[0], arg, status, errs)
			}
			return out
		}
		if of(w.dir) != of("b.tar.zst") {
			t.Errorf("%s of the bundle is not that of the ledger", args[0])
		}
	}
	left, err := filepath.Glob(".holdfast-*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestExportDoesNotPackWhatIsNone(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("other", []byte("no bundle"), 0o600); err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]string{"other": "neither a directory nor a bundle", "none": "no such file"} {
		if _, errs, status := holdfast(t, "export", arg, "-f", "x"); status != statusFailed || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d: %s", arg, status, errs)
		}
	}
}

// TestCheckpointsAreKept: a checkpoint that was saved holds the ledger, and is
// never replaced by another.
func TestCheckpointsAreKept(t *testing.T) {
	w := write(t, day()...)
	t.Chdir(t.TempDir())
	printed, _, status := holdfast(t, "checkpoint", w.dir)
	if status != statusDone || !strings.HasPrefix(printed, "holdfast.dev/ledger/"+w.id+"\n21\n") {
		t.Errorf("status %d: %s", status, printed)
	}
	for range 2 {
		out, errs, status := holdfast(t, "checkpoint", w.dir, "--save", "held")
		if status != statusDone || !strings.Contains(out, "covers the first 21 entries") || !strings.Contains(out, w.key) {
			t.Errorf("status %d: %s%s", status, out, errs)
		}
	}
	if out, _, status := holdfast(t, "verify", w.dir, "--key", w.key, "--held", "held"); status != statusDone {
		t.Errorf("status %d: %s", status, out)
	}
	other := write(t)
	if _, errs, status := holdfast(t, "checkpoint", other.dir, "--save", "held"); status != statusFailed || !strings.Contains(errs, "holds another checkpoint") {
		t.Errorf("status %d: %s", status, errs)
	}
	if kept, err := os.ReadFile("held"); err != nil || string(kept) != printed {
		t.Errorf("kept %q, %v", kept, err)
	}
}

// TestTheOperatorsLedgerIsRead: without a LEDGER it is copied from the operator,
// through the API server's proxy, with the credentials of the kubeconfig.
func TestTheOperatorsLedgerIsRead(t *testing.T) {
	w := write(t, day()...)
	const proxy = "/api/v1/namespaces/evidence/services/ours:ledger/proxy"
	handler := http.StripPrefix(proxy, serve.NewHandler(w.dir, logr.Discard()))
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer mine" {
			http.Error(rw, "who are you", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(rw, r)
	}))
	defer server.Close()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	at := []string{"--server", server.URL, "--token", "mine", "--operator-namespace", "evidence", "--service", "ours", "--insecure-skip-tls-verify"}
	for range 2 {
		out, errs, status := holdfast(t, append([]string{"verify", "--key", w.key, "--held", w.held}, at...)...)
		if status != statusDone || !strings.Contains(out, "Valid: the first 21 entries") {
			t.Errorf("status %d: %s%s", status, out, errs)
		}
	}
	if out, errs, status := holdfast(t, append([]string{"checkpoint"}, at...)...); status != statusDone || !strings.Contains(out, "\n21\n") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	at[3] = "somebody's"
	if _, errs, status := holdfast(t, append([]string{"checkpoint"}, at...)...); status != statusFailed || !strings.Contains(errs, "who are you") {
		t.Errorf("status %d: %s", status, errs)
	}
	// What is served now is not what was copied.
	at[3] = "mine"
	handler = http.StripPrefix(proxy, serve.NewHandler(spoiled(t, w), logr.Discard()))
	if _, errs, status := holdfast(t, append([]string{"verify"}, at...)...); status != statusFailed || !strings.Contains(errs, "not a continuation") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// spoiled is an older copy of a ledger: what its checkpoint names has changed.
func spoiled(t *testing.T, w written) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ledger")
	if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "ledgers", w.id, "segments", "000000", "log", "checkpoint")
	note, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(note), "\n21\n", "\n20\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
