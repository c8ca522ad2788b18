package controllers

import (
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// TestAwaited: a change waits for those that it must come after, and for no other.
func TestAwaited(t *testing.T) {
	object := func(name string) enforce.Object { return enforce.Object{Kind: networkPolicyKind, Name: name} }
	undone := map[enforce.Object]bool{object("dns"): true, object("applied"): false}
	cases := map[string]struct {
		after     []enforce.Object
		want      enforce.Object
		wantWaits bool
	}{
		"nothing before it":        {},
		"what took effect":         {after: []enforce.Object{object("applied")}},
		"what was not due":         {after: []enforce.Object{object("in-place")}},
		"what did not take effect": {after: []enforce.Object{object("applied"), object("dns")}, want: object("dns"), wantWaits: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, waits := awaited(enforce.Change{Change: control.Change{Name: "deny"}, After: tc.after}, undone)
			if got != tc.want || waits != tc.wantWaits {
				t.Errorf("waits is %t for %s, want %t for %s", waits, got, tc.wantWaits, tc.want)
			}
		})
	}
}

// TestThePassThatComesFirst: of all that is asked for, the earliest.
func TestThePassThatComesFirst(t *testing.T) {
	p := &pass{}
	for _, step := range []struct{ ask, want time.Duration }{
		{time.Minute, time.Minute}, {time.Hour, time.Minute}, {time.Second, time.Second}, {0, time.Millisecond}, {time.Second, time.Millisecond},
	} {
		if p.again(step.ask); p.requeue != step.want {
			t.Errorf("asked for %s: got %s, want %s", step.ask, p.requeue, step.want)
		}
	}
}
