package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/synthetic"
)

// history is a generated ledger of two days, with what an auditor kept of it.
func history(t *testing.T) written {
	t.Helper()
	root := t.TempDir()
	w := written{dir: filepath.Join(root, "ledger"), held: filepath.Join(root, "held")}
	past, err := synthetic.Write(t.Context(), w.dir, synthetic.Options{
		Seed: 3, Duration: 48 * time.Hour, Namespaces: 12, Heartbeat: 6 * time.Hour, Collections: 6 * time.Hour, Calm: true, Anchored: true})
	if err != nil {
		t.Fatal(err)
	}
	w.key = past.VerifierKeys[0]
	if err := os.WriteFile(w.held, past.Held[0], 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := ledger.NewReader(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	current, err := r.Current()
	if err != nil {
		t.Fatal(err)
	}
	w.id = current.LedgerID
	return w
}

func TestSampleIsDrawnAndWritten(t *testing.T) {
	w := history(t)
	out := filepath.Join(t.TempDir(), "sample")
	args := []string{"sample", w.dir, "--population", "items", "--control", "production-baseline/NET-1", "--seed", "JD 2026", "--n", "3",
		"--key", w.key, "--held", w.held, "--out", out}
	text, errs, status := holdfast(t, args...)
	if status != statusDone || errs != "" {
		t.Fatalf("status %d: %s", status, errs)
	}
	certificate, err := os.ReadFile(filepath.Join(out, "certificate.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if want := string(certificate) + "\nWritten to " + out + "\n"; text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	for _, file := range []string{"certificate.json", "population.txt", "query.json", "units/001/unit.json", "units/003/unit.json"} {
		if _, err := os.Stat(filepath.Join(out, file)); err != nil {
			t.Error(err)
		}
	}
	again := append(args[:len(args)-1:len(args)-1], out+"-again")
	if second, _, _ := holdfast(t, again...); strings.ReplaceAll(second, "-again", "") != text {
		t.Errorf("drawn again:\n%s", second)
	}
}

func TestSampleThatCannotBeDrawn(t *testing.T) {
	w, other := history(t), write(t)
	spoilt := history(t)
	chunk := newestFile(t, filepath.Join(spoilt.dir, "ledgers", spoilt.id, "objects"))
	if err := os.WriteFile(chunk, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	early := filepath.Join(t.TempDir(), "early")
	if err := os.WriteFile(early, firstAnchored(t, w), 0o600); err != nil {
		t.Fatal(err)
	}
	given := func(w written, with ...string) []string {
		args := []string{"sample", w.dir, "--population", "items", "--control", "production-baseline/NET-1", "--seed", "s", "--n", "1", "--key", w.key, "--held", w.held}
		return append(args, with...)
	}
	cases := map[string]struct {
		args []string
		want string
	}{
		"E27: no size":              {given(w, "--n", "0"), "there is no default size"},
		"no seed":                   {given(w, "--seed", ""), "needs a seed"},
		"no population":             {given(w, "--population", ""), "name what the units are"},
		"another population":        {given(w, "--population", "all"), `population "all": want one of`},
		"no date":                   {given(w, "--at", "March"), `--at "March": want a date`},
		"no checkpoint":             {[]string{"sample", w.dir, "--population", "changes", "--from", "2026-01-01", "--to", "2026-01-02", "--seed", "s", "--n", "1"}, "name a checkpoint that you kept"},
		"no key":                    {[]string{"sample", w.dir, "--population", "changes", "--from", "2026-01-01", "--to", "2026-01-02", "--seed", "s", "--n", "1", "--held", w.held}, "name the ledger's verifier key"},
		"no such checkpoint":        {given(w, "--held", filepath.Join(w.dir, "none")), "read a held checkpoint"},
		"no such ledger":            {append([]string{"sample", filepath.Join(w.dir, "none")}, given(w)[2:]...), "open the ledger"},
		"a checkpoint of another":   {given(w, "--held", other.held), "held checkpoint"},
		"another key":               {append(given(w)[:10:10], "--key", other.key, "--held", w.held), "verify the ledger with --key and --held: held checkpoint"},
		"an altered ledger":         {given(spoilt), "the ledger is not as it was written, so nothing is drawn from it"},
		"E25: an older checkpoint":  {append(given(w)[:12:12], "--held", early), "hold a newer checkpoint"},
		"an unknown control":        {given(w, "--control", "NET-9"), `there is no control "NET-9"`},
		"a period that ends before": {append(given(w)[:2:2], "--population", "changes", "--from", "2026-01-02", "--to", "2026-01-01", "--seed", "s", "--n", "1", "--key", w.key, "--held", w.held), "which is not after its start"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			out, errs, status := holdfast(t, c.args...)
			if status != statusFailed || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("status %d, got %q, want one line with %q\n%s", status, errs, c.want, out)
			}
			if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
				t.Errorf("something was written: %v (%v)", left, err)
			}
		})
	}
}

// newestFile is some file below a directory.
func newestFile(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no file in %s (%v)", dir, err)
	}
	return found[0]
}

// firstAnchored is the first checkpoint that the ledger's witness cosigned.
func firstAnchored(t *testing.T, w written) []byte {
	t.Helper()
	r, err := ledger.NewReader(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	var digest string
	err = r.Read(t.Context(), ledger.ReadOptions{}, func(_ uint64, data []byte) error {
		e, err := ledger.Decode(data)
		if err == nil && e.Kind == ledger.KindAnchored && digest == "" {
			digest = e.Anchor.Receipt
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.Object(w.id, digest)
	if err != nil {
		t.Fatal(err)
	}
	var receipt ledger.Receipt
	if err := json.Unmarshal(data, &receipt); err != nil {
		t.Fatal(err)
	}
	note, err := anchor.LogNote(receipt)
	if err != nil {
		t.Fatal(err)
	}
	return note
}

func TestE19ReevaluateFindsEverythingAgain(t *testing.T) {
	w := history(t)
	out, errs, status := holdfast(t, "reevaluate", w.dir, "-o", "json")
	if status != statusDone || errs != "" {
		t.Fatalf("status %d: %s", status, errs)
	}
	var report reevaluateReport
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if report.Kind != "Reevaluation" || report.Units < 50 || report.Same != report.Units {
		t.Errorf("got %s", out)
	}
	text, _, status := holdfast(t, "reevaluate", w.dir, "--control", "production-baseline/NET-1", "--at", "2026-01-02")
	if status != statusDone || !strings.Contains(text, " in 1 manifest and ") {
		t.Errorf("status %d: %s", status, text)
	}
}

func TestReevaluateThatCannotBeDone(t *testing.T) {
	w := write(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no ledger":          {[]string{filepath.Join(w.dir, "none")}, "open the ledger"},
		"no date":            {[]string{w.dir, "--at", "now"}, `--at "now": want a date`},
		"no collection":      {[]string{w.dir, "--at", "2026-01-01"}, "the ledger has no collection"},
		"an unknown control": {[]string{w.dir, "--control", "NET-9"}, `no control "NET-9" was judged`},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs, status := holdfast(t, append([]string{"reevaluate"}, c.args...)...)
			if status != statusFailed || !strings.Contains(errs, c.want) {
				t.Errorf("status %d, got %q, want %q", status, errs, c.want)
			}
		})
	}
}
