package main

import (
	"testing"
	"time"
)

func TestWatcherSaw(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	for name, tc := range map[string]struct {
		absent       bool
		events       []bool // good?
		wantRepaired time.Time
	}{
		"nothing happens":                {false, nil, time.Time{}},
		"bad, then good":                 {false, []bool{false, true}, at(1)},
		"a late event of the old object": {false, []bool{true, false, true}, at(2)},
		"bad twice":                      {false, []bool{false, false, true}, at(2)},
		"still bad":                      {false, []bool{true, false}, time.Time{}},
		"absent, then good":              {true, []bool{true}, at(0)},
		"good again later":               {false, []bool{false, true, true}, at(1)},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watcher{good: map[string]bool{}, waiting: map[string]*drift{}}
			d := w.expect("web", tc.absent)
			for i, good := range tc.events {
				w.saw("other", !good, at(i))
				w.saw("web", good, at(i))
			}
			if !d.repaired.Equal(tc.wantRepaired) {
				t.Errorf("repaired at %v, want %v", d.repaired, tc.wantRepaired)
			}
			if got, want := w.unrepaired([]*drift{d}) == 0, !tc.wantRepaired.IsZero(); got != want {
				t.Errorf("repaired is %t, want %t", got, want)
			}
		})
	}
}

func TestLatency(t *testing.T) {
	answered := time.UnixMilli(10)
	for name, tc := range map[string]struct {
		repaired time.Time
		want     time.Duration
	}{
		"after the answer":  {time.UnixMilli(13), 3 * time.Millisecond},
		"before the answer": {time.UnixMilli(9), 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := &drift{acknowledged: answered, repaired: tc.repaired}
			if got := d.latency(); got != tc.want {
				t.Errorf("latency = %s, want %s", got, tc.want)
			}
		})
	}
}
