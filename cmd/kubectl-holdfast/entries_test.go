package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// updateVariable in the environment makes the tests rewrite the golden files.
const updateVariable = "UPDATE_GOLDEN"

// stable replaces what is random in a ledger: its id, and the ids of episodes,
// which depend on it.
func stable(text, ledgerID string) string {
	text = strings.ReplaceAll(text, ledgerID, "LEDGER")
	names := map[string]string{}
	return regexp.MustCompile(`episode [0-9a-f]{8}`).ReplaceAllStringFunc(text, func(id string) string {
		if names[id] == "" {
			names[id] = "episode " + string(rune('A'+len(names)))
		}
		return names[id]
	})
}

func TestEntriesAreReadable(t *testing.T) {
	w := write(t, day()...)
	out, errs, status := holdfast(t, "entries", w.dir)
	if status != statusDone || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	golden(t, "entries.txt", stable(out, w.id))
}

// golden compares a text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv(updateVariable) != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the text differs from %s (-want +got); %s=1 accepts it:\n%s", path, updateVariable, diff)
	}
}

func TestEntriesAsStored(t *testing.T) {
	w := write(t, day()...)
	var want bytes.Buffer
	err := ledger.Read(t.Context(), w.dir, ledger.ReadOptions{}, func(_ uint64, data []byte) error {
		want.Write(data)
		want.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out, _, status := holdfast(t, "entries", w.dir, "-o", "json")
	if status != statusDone {
		t.Errorf("status %d, want %d", status, statusDone)
	}
	if diff := cmp.Diff(want.String(), out); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestEntriesAreSelected(t *testing.T) {
	w := write(t, day()...)
	all, _, _ := holdfast(t, "entries", w.dir, "--kind", "OutcomeChanged")
	second := regexp.MustCompile(`Opened.*episode ([0-9a-f]{8})`).FindStringSubmatch(all)
	if second == nil {
		t.Fatalf("no episode in\n%s", all)
	}
	cases := map[string]struct {
		args []string
		want []string
	}{
		"by kind":                {[]string{"--kind", "Gap,Contested"}, []string{"Contested", "Gap"}},
		"by repeated kind":       {[]string{"--kind", "Gap", "--kind", "Heartbeat"}, []string{"Heartbeat", "Gap"}},
		"by the episode's id":    {[]string{"--episode", second[1]}, []string{"OutcomeChanged", "Repaired", "OutcomeChanged"}},
		"by capital letters":     {[]string{"--episode", strings.ToUpper(second[1])}, []string{"OutcomeChanged", "Repaired", "OutcomeChanged"}},
		"by kind and episode":    {[]string{"--episode", second[1], "--kind", "Repaired"}, []string{"Repaired"}},
		"since a time":           {[]string{"--since", "2026-03-01T06:00:17Z"}, []string{"SubjectDeleted", "ControlWithdrawn"}},
		"since a time elsewhere": {[]string{"--since", "2026-03-01T07:00:18+01:00"}, []string{"ControlWithdrawn"}},
		"nothing that recent":    {[]string{"--since", "1m"}, nil},
		"of no such episode":     {[]string{"--episode", "zz"}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out, errs, status := holdfast(t, append([]string{"entries", w.dir}, c.args...)...)
			if status != statusDone {
				t.Fatalf("status %d, %s", status, errs)
			}
			var got []string
			for line := range strings.Lines(out) {
				got = append(got, strings.Fields(line)[1])
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("kinds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntriesRefusesWhatItDoesNotKnow(t *testing.T) {
	w := write(t)
	cases := map[string]struct {
		args []string
		want string
	}{
		"kind":      {[]string{w.dir, "--kind", "Repair"}, `--kind "Repair": want one of AccessObserved`},
		"time":      {[]string{w.dir, "--since", "yesterday"}, `--since "yesterday"`},
		"output":    {[]string{w.dir, "-o", "yaml"}, `--output "yaml": want text or json`},
		"directory": {[]string{filepath.Join(w.dir, "none")}, "holds no ledger"},
		"nothing":   {nil, "accepts 1 arg(s), received 0"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, errs, status := holdfast(t, append([]string{"entries"}, c.args...)...)
			if status != statusFailed {
				t.Errorf("status %d, want %d", status, statusFailed)
			}
			if !strings.Contains(errs, c.want) {
				t.Errorf("got %q, want it to contain %q", errs, c.want)
			}
		})
	}
}

func TestEntriesNamesWhatItCannotRead(t *testing.T) {
	w := write(t, day()...)
	spoil(t, w, `"kind":"Heartbeat"`, `"kind" "Heartbeat"`)
	out, errs, status := holdfast(t, "entries", w.dir)
	if status != statusFailed || !strings.Contains(errs, "verify") {
		t.Errorf("status %d, %q, want %d and a word on verify", status, errs, statusFailed)
	}
	if !strings.Contains(out, "entry 16 cannot be read") || !strings.Contains(out, "ControlWithdrawn") {
		t.Errorf("want entry 16 named and the rest listed, got\n%s", out)
	}
}

// spoil replaces a text of the same length in the newest bundle of entries.
func spoil(t *testing.T, w written, old, replacement string) string {
	t.Helper()
	bundles, err := filepath.Glob(filepath.Join(w.dir, "ledgers", w.id, "segments/000000/log/tile/entries/000.p/*"))
	if err != nil {
		t.Fatal(err)
	}
	newest, data := "", []byte(nil)
	for _, name := range bundles {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > len(data) {
			newest, data = name, content
		}
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("no %s in the newest of %d bundles", old, len(bundles))
	}
	if err := os.WriteFile(newest, bytes.Replace(data, []byte(old), []byte(replacement), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(w.dir, newest)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(rel)
}
