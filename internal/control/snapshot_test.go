package control_test

import (
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestUnobserved(t *testing.T) {
	s := &control.Snapshot{Unavailable: map[control.Need]string{control.NeedPods: control.ReasonForbidden, control.NeedServices: ""}}
	cases := map[string]struct {
		needs      []control.Need
		wantReason string
		wantNeed   control.Need
	}{
		"nothing is needed":    {},
		"all of them were":     {needs: []control.Need{control.NeedNamespaces, control.NeedGuards}},
		"one was not":          {needs: []control.Need{control.NeedNamespaces, control.NeedPods}, wantReason: control.ReasonForbidden, wantNeed: control.NeedPods},
		"the first of several": {needs: []control.Need{control.NeedServices, control.NeedPods}, wantReason: control.ReasonFailed, wantNeed: control.NeedServices},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if reason, need := s.Unobserved(tc.needs...); reason != tc.wantReason || need != tc.wantNeed {
				t.Errorf("got %q of %q, want %q of %q", reason, need, tc.wantReason, tc.wantNeed)
			}
		})
	}
}

func TestEarlier(t *testing.T) {
	var never time.Time
	early := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	late := early.Add(time.Hour)
	cases := map[string]struct{ a, b, want time.Time }{
		"never":             {never, never, never},
		"the first":         {early, late, early},
		"the second":        {late, early, early},
		"the first, alone":  {late, never, late},
		"the second, alone": {never, late, late},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := control.Earlier(tc.a, tc.b); !got.Equal(tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
