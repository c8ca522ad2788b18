package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseOptions(t *testing.T) {
	normal := options{
		namespaces: []int{100, 1000}, engines: []string{"floor", "holdfast"},
		rounds: 5, convergeRounds: 3, drifts: 500, bursts: 10, burst: 100, idle: time.Minute,
	}
	short := normal
	short.rounds, short.convergeRounds, short.drifts, short.bursts, short.idle = 1, 1, 50, 2, 10*time.Second
	written := normal
	written.namespaces, written.write = []int{5000}, "docs/benchmarks.md"
	for name, tc := range map[string]struct {
		arguments []string
		want      options
		wantErr   bool
	}{
		"nothing":                  {nil, normal, false},
		"short":                    {[]string{"-short"}, short, false},
		"written":                  {[]string{"-write", "-namespaces=5000"}, written, false},
		"no number":                {[]string{"-namespaces=many"}, options{}, true},
		"no namespaces":            {[]string{"-namespaces="}, options{}, true},
		"no rounds":                {[]string{"-rounds=0"}, options{}, true},
		"fewer drifts than rounds": {[]string{"-drifts=4"}, options{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseOptions(tc.arguments)
			if (err != nil) != tc.wantErr {
				t.Fatalf("error %v, want one: %t", err, tc.wantErr)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(options{})); err == nil && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBurstsPerRound(t *testing.T) {
	for _, tc := range []struct{ bursts, rounds, want int }{{10, 5, 2}, {10, 4, 3}, {2, 5, 1}} {
		o := options{bursts: tc.bursts, rounds: tc.rounds}
		if got := o.burstsPerRound(); got != tc.want {
			t.Errorf("%d bursts in %d rounds: %d per round, want %d", tc.bursts, tc.rounds, got, tc.want)
		}
	}
}
