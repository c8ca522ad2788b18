package main

import (
	"testing"
	"time"
)

func TestStartWatch(t *testing.T) {
	type reading struct {
		at time.Duration
		progress
	}
	const late = settledAfter + time.Second
	all := progress{evaluations: 10, judged: 50}
	for name, tc := range map[string]struct {
		readings []reading
		want     bool
		wantGrew time.Duration
	}{
		"all evaluated a while ago": {[]reading{{0, progress{}}, {time.Second, all}, {late, all}}, true, time.Second},
		"all evaluated just now":    {[]reading{{0, progress{}}, {late, all}}, false, late},
		"some again just now":       {[]reading{{0, all}, {late, progress{evaluations: 11, judged: 50}}}, false, late},
		"not all namespaces":        {[]reading{{0, progress{evaluations: 9, judged: 50}}, {late, progress{evaluations: 9, judged: 50}}}, false, 0},
		"not all subjects":          {[]reading{{0, progress{evaluations: 10, judged: 49}}, {late, progress{evaluations: 10, judged: 49}}}, false, 0},
		"some not evaluated":        {[]reading{{0, progress{10, 50, 1}}, {late, progress{10, 50, 1}}}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := &startWatch{scopes: 10, subjects: 50}
			begin := time.UnixMilli(0)
			got := false
			for _, r := range tc.readings {
				got = w.saw(r.progress, begin.Add(r.at))
			}
			if got != tc.want {
				t.Errorf("all is evaluated: %t, want %t", got, tc.want)
			}
			if grew := w.grew.Sub(begin); grew != tc.wantGrew {
				t.Errorf("it grew at %s, want %s", grew, tc.wantGrew)
			}
		})
	}
}
