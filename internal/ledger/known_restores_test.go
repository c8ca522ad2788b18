package ledger

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// restoreDraft drafts a restore test in a namespace that a control of policy p asked for.
func restoreDraft(scope, id string, until Time) Draft {
	subject := namespace(scope)
	return Draft{Entry: Entry{Kind: KindProbed, Subject: &subject, Probe: &ProbeBody{Of: control.ProbeRestore, Targets: 1,
		Observations: "of " + id + " until " + until.String(), ValidUntil: until, For: []ProbedFor{{Policy: "p", Control: id}}}}}
}

// TestRestoreTestsAreFolded: the newest test of each control is known, in each scope
// that is there.
func TestRestoreTestsAreFolded(t *testing.T) {
	a := namespace("a")
	others := restoreDraft("a", "r2", hours(2))
	others.Probe.Of = control.ProbeCanary
	both := restoreDraft("a", "r1", hours(3))
	both.Probe.For = append(both.Probe.For, ProbedFor{Policy: "p", Control: "r2"})
	cases := map[string]struct {
		drafts []Draft
		want   []Time
	}{
		"none":               {nil, nil},
		"one":                {[]Draft{restoreDraft("a", "r1", hours(1))}, []Time{hours(1)}},
		"the newest":         {[]Draft{restoreDraft("a", "r1", hours(1)), restoreDraft("a", "r1", hours(2))}, []Time{hours(2)}},
		"one of each":        {[]Draft{restoreDraft("a", "r1", hours(1)), restoreDraft("a", "r2", hours(2))}, []Time{hours(1), hours(2)}},
		"one for two":        {[]Draft{restoreDraft("a", "r2", hours(1)), both}, []Time{hours(3)}},
		"in another scope":   {[]Draft{restoreDraft("b", "r1", hours(1))}, nil},
		"of another kind":    {[]Draft{others}, nil},
		"the scope is gone":  {[]Draft{restoreDraft("a", "r1", hours(1)), memberDraft(KindSubjectDeleted, "p", a)}, nil},
		"the scope left":     {[]Draft{restoreDraft("a", "r1", hours(1)), memberDraft(KindScopeLeft, "p", a)}, []Time{hours(1)}},
		"one before is gone": {[]Draft{restoreDraft("a", "r1", hours(1)), gone("a")}, []Time{hours(1)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.declare("p", "c", "d")
			h.must(memberDraft(KindScopeEntered, "p", a))
			h.must(memberDraft(KindScopeEntered, "p", control.Subject{Kind: "Namespace", Name: "a", UID: "before"}))
			for _, d := range tc.drafts {
				h.must(d)
			}
			again, err := UnmarshalKnown([]byte(marshal(t, h.known)))
			if err != nil {
				t.Fatal(err)
			}
			for of, known := range map[string]*Known{"the fold": h.known, "a snapshot": again} {
				var got []Time
				for _, r := range known.Restores("a") {
					got = append(got, r.ValidUntil)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", of, diff)
				}
			}
		})
	}
}

// gone drafts that an earlier namespace of the same name is gone.
func gone(name string) Draft {
	return memberDraft(KindSubjectDeleted, "p", control.Subject{Kind: "Namespace", Name: name, UID: "before"})
}

func TestRestoreTestsAreRememberedWithinBounds(t *testing.T) {
	h := newHistory(t)
	for i := range maxRestores + 2 {
		h.must(restoreDraft("a", fmt.Sprint("r", i), hours(i)))
	}
	tests := h.known.Restores("a")
	if len(tests) != maxRestores || !tests[0].ValidUntil.Equal(hours(2).Time) {
		t.Errorf("got %d tests, the oldest until %s, want the newest %d", len(tests), tests[0].ValidUntil, maxRestores)
	}
	if err := (func() error { _, err := tests[0].Read([]byte("{}")); return err })(); err == nil {
		t.Error("observations that are none are read")
	}
}
