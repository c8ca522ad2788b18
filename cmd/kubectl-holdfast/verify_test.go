package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// verdict is what verify prints, without what is random in it.
func verdict(text string, w written) string {
	text = stable(text, w.id)
	return regexp.MustCompile(`(?m)^\d+ files`).ReplaceAllString(text, "N files")
}

func TestVerifyReports(t *testing.T) {
	const soundLedger = `Ledger LEDGER (FirstInstall, current)
  entries     21 in 1 segment
  checkpoint  covers 21, a held checkpoint %HELD%
  journal     0 entries not in the log yet
  objects     0, snapshots 1
N files compared
`
	sound := func(held string) string { return strings.Replace(soundLedger, "%HELD%", held, 1) }
	w := write(t, day()...)
	cases := map[string]struct {
		args       []string
		want       string
		wantStatus int
	}{
		"with key and checkpoint": {[]string{"--key", w.key, "--held", w.held}, sound("21") +
			"Valid: the first 21 entries of the current ledger are those that the held checkpoint covers.\n", statusDone},
		"with the key": {[]string{"--key", w.key}, sound("0") +
			"Missing: No held checkpoint was given, and no receipt of a trusted anchor counts: whoever has the signing key could have written another ledger.\n" +
			"Incomplete: nothing was found to be altered, as far as it can be told without what is missing.\n", statusIncomplete},
		"with nothing": {nil, sound("0") +
			"Missing: No verifier key was given: the ledger names one itself, which proves nothing.\n" +
			"Missing: No held checkpoint was given, and no receipt of a trusted anchor counts: whoever has the signing key could have written another ledger.\n" +
			"Incomplete: nothing was found to be altered, as far as it can be told without what is missing.\n", statusIncomplete},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out, errs, status := holdfast(t, append([]string{"verify", w.dir}, c.args...)...)
			if status != c.wantStatus || errs != "" {
				t.Errorf("status %d, want %d; %s", status, c.wantStatus, errs)
			}
			if diff := cmp.Diff(c.want, verdict(out, w)); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerifyNamesAnAlteredEntry(t *testing.T) {
	w := write(t, day()...)
	file := spoil(t, w, `"reason":"Forbidden"`, `"reason":"forbidden"`)
	out, _, status := holdfast(t, "verify", w.dir, "--key", w.key, "--held", w.held)
	if status != statusInvalid {
		t.Errorf("status %d, want %d", status, statusInvalid)
	}
	if want := "Problem: " + file + ": entry 13:"; !strings.Contains(out, want) {
		t.Errorf("want %q in\n%s", want, out)
	}
	if want := "\nInvalid: the ledger is not as it was written: "; !strings.Contains(out, want) {
		t.Errorf("want %q in\n%s", want, out)
	}
}

func TestVerifyDoesNotTakeACheckpointOfAnotherLedger(t *testing.T) {
	w, other := write(t), write(t)
	out, _, status := holdfast(t, "verify", w.dir, "--key", w.key, "--held", other.held)
	if status == statusDone || strings.Contains(out, "\nValid") {
		t.Errorf("status %d with a checkpoint of another ledger:\n%s", status, out)
	}
}

func TestConclusionSaysHowFarTheHeldCheckpointReaches(t *testing.T) {
	const held = "the first 12 entries of the current ledger are those that the held checkpoint covers."
	cases := map[string]struct {
		entries, published, pending uint64
		want                        string
	}{
		"all of it":            {12, 12, 0, held},
		"older than published": {15, 14, 2, held + " Beyond it: 2 entries that only the signing key vouches for, 3 not signed yet."},
		"newer than published": {13, 11, 0, held + " Beyond it: 0 entries that only the signing key vouches for, 1 not signed yet."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := ledger.VerifiedLedger{Entries: c.entries, Published: c.published, Pending: c.pending, Held: 12}
			l.Current = true
			report := &ledger.VerifyReport{Status: ledger.VerifyValid, Ledgers: []ledger.VerifiedLedger{l}}
			if diff := cmp.Diff(c.want, conclusion(report)); diff != "" {
				t.Errorf("conclusion (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerifyThatCannotBeDone(t *testing.T) {
	w := write(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		args []string
		want string
	}{
		"no directory":      {[]string{filepath.Join(w.dir, "none")}, "open the ledger: "},
		"no such held file": {[]string{w.dir, "--held", filepath.Join(w.dir, "none")}, "read a held checkpoint: "},
		"no checkpoint":     {[]string{w.dir, "--held", empty}, "held "},
		"no key":            {[]string{w.dir, "--key", "me+1+2"}, "verifier key: "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, errs, status := holdfast(t, append([]string{"verify"}, c.args...)...)
			if status != statusFailed {
				t.Errorf("status %d, want %d", status, statusFailed)
			}
			if !strings.Contains(errs, c.want) {
				t.Errorf("got %q, want it to contain %q", errs, c.want)
			}
		})
	}
}
