package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func TestEpisodesOfUnits(t *testing.T) {
	start := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	episodes := []episode{
		{id: "1", unit: "BCK-1 Cluster cluster", began: start, ending: ledger.EndingRepaired},
		{id: "2", unit: "BCK-1 Namespace shop", began: start, ending: ledger.EndingCorrected},
		{id: "3", unit: "BCK-2 Namespace shop", began: start.Add(time.Second)},
		{id: "4", unit: "BCK-1 Namespace shop", began: start.Add(time.Minute), ending: ledger.EndingCorrected},
	}
	for name, tc := range map[string]struct {
		episodes []episode
		want     []string
	}{
		"of a unit":           {of(episodes, "BCK-1 Namespace shop"), []string{"2", "4"}},
		"of a control":        {of(episodes, "BCK-1"), []string{"1", "2", "4"}},
		"of nothing":          {of(episodes, "BCK-3"), nil},
		"since a time":        {since(episodes, start.Add(time.Second)), []string{"3", "4"}},
		"since they are over": {since(episodes, start.Add(time.Hour)), nil},
	} {
		var got []string
		for _, e := range tc.episodes {
			got = append(got, e.id)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if first, last := spread(episodes, start); first != 0 || last != time.Minute {
		t.Errorf("they began %s to %s after the first, want 0s to 1m0s", first, last)
	}
	if diff := cmp.Diff([]string{"", "Corrected", "Repaired"}, endingsOf(episodes)); diff != "" {
		t.Errorf("endings (-want +got):\n%s", diff)
	}
	for unit, want := range map[string]bool{"BCK-1 Namespace shop": true, "BCK-1 Namespace web": false} {
		if got := began(episodes, []string{"BCK-1 Cluster cluster", unit}); got != want {
			t.Errorf("%s had an episode: got %t", unit, got)
		}
	}
}

func TestHasRule(t *testing.T) {
	rules := []string{"BK-05 LocationUnavailable"}
	for rule, want := range map[string]bool{"BK-05": true, "BK-0": false, "BK-02": false} {
		if got := hasRule(rules, rule); got != want {
			t.Errorf("%s: got %t", rule, got)
		}
	}
}

func TestRuns(t *testing.T) {
	backup := func(name string, status map[string]any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": name}, "status": status}}
	}
	begun := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	good := ranOf(backup("good", map[string]any{
		"phase": "Completed", "startTimestamp": "2026-03-01T06:00:00Z", "completionTimestamp": "2026-03-01T06:00:03Z"}))
	refused := ranOf(backup("refused", map[string]any{"phase": "FailedValidation"}))
	want := []ran{{"good", "Completed", begun, begun.Add(3 * time.Second)}, {name: "refused", phase: "FailedValidation"}}
	if diff := cmp.Diff(want, []ran{good, refused}, cmp.AllowUnexported(ran{})); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if got, ok := completed(want); !ok || got != good {
		t.Errorf("got %v, %t", got, ok)
	}
	if got, ok := completed([]ran{refused}); ok {
		t.Errorf("got %v, which did not complete", got)
	}
	beside := []ran{{name: planName + "-extra-1", phase: "Completed"}, {name: planName + "-extra-2", phase: "Failed"}, {name: planName + "-1", phase: "Completed"}}
	if got := extras(beside); got != 1 {
		t.Errorf("%d runs beside the plan, want 1", got)
	}
	entry := func(run *ledger.RunBody) ledger.Entry {
		return ledger.Entry{Kind: ledger.KindOccurrence, Occurrence: &ledger.OccurrenceBody{Run: run}}
	}
	entries := []ledger.Entry{entry(nil), entry(&ledger.RunBody{Name: "good"})}
	if diff := cmp.Diff([]string{"refused"}, unrecorded(want, entries)); diff != "" {
		t.Errorf("unrecorded (-want +got):\n%s", diff)
	}
}

func TestSlotsReconcile(t *testing.T) {
	for name, tc := range map[string]struct {
		slots slots
		want  bool
	}{
		"all accounted for": {slots{Expected: 9, Completed: 3, Late: 1, PartiallyFailed: 1, Failed: 2, Missed: 1, Pending: 1}, true},
		"one is not":        {slots{Expected: 9, Completed: 3, Failed: 5}, false},
		"none failed":       {slots{Expected: 3, Completed: 3}, false},
		"none completed":    {slots{Expected: 3, Failed: 3}, false},
	} {
		if got := tc.slots.reconcile(); got != tc.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

func TestStory(t *testing.T) {
	titles := func(full bool) []string {
		var titles []string
		for _, s := range steps(full) {
			titles = append(titles, s.title)
		}
		return titles
	}
	short, full := titles(false), titles(true)
	if got, want := len(full)-len(short), len(backupSteps()); got != want {
		t.Errorf("in full there are %d steps more, want %d", got, want)
	}
	if short[len(short)-1] != full[len(full)-1] || short[0] != full[0] {
		t.Errorf("the story begins or ends otherwise: %q, in full %q", short, full)
	}
}
