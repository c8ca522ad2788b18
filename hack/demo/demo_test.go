package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func TestClaim(t *testing.T) {
	cases := map[string]struct {
		expected, seen any
		want           string
		wantFailed     int
	}{
		"that holds":      {[]string{"a", "b"}, []string{"a", "b"}, "✓ it is so\n", 0},
		"that fails":      {true, false, "✗ it is so\n    expected  true\n    seen      false\n", 1},
		"of another kind": {"3", 4, "✗ it is so\n    expected  3\n    seen      4\n", 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			s := &screen{w: &out}
			s.claim("it is so", c.expected, c.seen)
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if s.claims != 1 || len(s.failed) != c.wantFailed {
				t.Errorf("%d claims, failed: %q, want 1 and %d", s.claims, s.failed, c.wantFailed)
			}
		})
	}
}

func TestColoursOnlyWhereTheyAreWanted(t *testing.T) {
	for _, colour := range []bool{false, true} {
		var out strings.Builder
		s := &screen{w: &out, colour: colour, since: time.Now()}
		s.title(1, "A title")
		s.command("true")
		s.claim("it is so", 1, 1)
		if got := strings.Contains(out.String(), "\x1b"); got != colour {
			t.Errorf("colours wanted: %t, printed: %t", colour, got)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if newScreen(file).colour {
		t.Error("colours in a file")
	}
}

func TestWrap(t *testing.T) {
	got := wrap("one two three\nfour\n\nfive incomprehensibilities six", 9)
	want := []string{"one two", "three", "four", "", "five", "incomprehensibilities", "six"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestRepairTime(t *testing.T) {
	at := func(ms int, applied bool) sighting {
		return sighting{time.UnixMilli(int64(ms)), applied}
	}
	cases := map[string]struct {
		seen   []sighting
		want   time.Duration
		wantOK bool
	}{
		"nothing seen":          {},
		"drift alone":           {seen: []sighting{at(1, false)}},
		"no drift":              {seen: []sighting{at(1, true)}},
		"repaired":              {[]sighting{at(5, false), at(12, true)}, 7 * time.Millisecond, true},
		"from the first drift":  {[]sighting{at(1, true), at(5, false), at(6, false), at(12, true)}, 7 * time.Millisecond, true},
		"to the first repaired": {[]sighting{at(5, false), at(12, true), at(20, true)}, 7 * time.Millisecond, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got, ok := repairTime(c.seen); got != c.want || ok != c.wantOK {
				t.Errorf("got %s, %t, want %s, %t", got, ok, c.want, c.wantOK)
			}
		})
	}
}

func TestEpisodesOf(t *testing.T) {
	start := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	state := func(ms int, episode string, outcome control.Outcome, origin ledger.Origin, ending ledger.Ending) ledger.Entry {
		return ledger.Entry{Kind: ledger.KindOutcomeChanged, Control: "NET-1", Episode: episode, Origin: origin, Ending: ending,
			Subject: &control.Subject{Kind: "Namespace", Name: "shop"}, To: &control.State{Outcome: outcome},
			ObservedAt: ledger.At(start.Add(time.Duration(ms) * time.Millisecond))}
	}
	entries := []ledger.Entry{
		{Kind: ledger.KindRepaired, Episode: "before"},
		state(1, "before", control.Conforming, "", ledger.EndingRepaired),
		state(2, "", control.Conforming, "", ""),
		state(3, "one", control.Deviating, ledger.OriginDrift, ""),
		state(4, "one", control.Deviating, ledger.OriginDrift, ""),
		{Kind: ledger.KindRepaired, Episode: "one"},
		state(9, "one", control.Conforming, "", ledger.EndingRepaired),
		state(10, "two", control.Deviating, ledger.OriginAfterGap, ""),
	}
	entries[4].To.Rules = []control.RuleState{{Rule: "NP-05", Reason: "OpenRule"}}
	want := []string{"one: Drift → Repaired, repaired 1× after 6ms, NET-1 Namespace shop [NP-05 OpenRule]", "two: AfterGap → , repaired 0× after 0s, NET-1 Namespace shop []"}
	var got []string
	for _, e := range episodesOf(entries) {
		got = append(got, e.id+": "+e.describe()+" after "+e.lasted.String()+", "+e.unit+" "+fmt.Sprint(e.rules))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("episodes (-want +got):\n%s", diff)
	}
}

func TestOneDigitIsAltered(t *testing.T) {
	const entry = `{"kind":"X","observedAt":"2029-03-01T06:00:00.000000Z"}`
	forged, err := postponed([]byte(entry))
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(entry, "2029", "2020", 1); string(forged) != want {
		t.Errorf("got %s, want %s", forged, want)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "tile", "entries", "000")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("first"+entry+"last"), 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := replaceIn(dir, []byte(entry), forged)
	if err != nil || !slices.Equal(names, []string{"tile/entries/000"}) {
		t.Fatalf("got %q, %v", names, err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := "first" + string(forged) + "last"; string(content) != want {
		t.Errorf("got %s, want %s", content, want)
	}
	if _, err := replaceIn(dir, []byte(entry), forged); err == nil {
		t.Error("no error where no file holds the entry")
	}
}

func TestCheckpointSize(t *testing.T) {
	file := filepath.Join(t.TempDir(), "checkpoint")
	if err := os.WriteFile(file, []byte("holdfast.dev/ledger/x\n29\nroot\n\n— x sig\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if size, err := checkpointSize(file); size != 29 || err != nil {
		t.Errorf("got %d, %v, want 29", size, err)
	}
}
