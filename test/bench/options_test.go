package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseOptions(t *testing.T) {
	normal := options{
		suites: []string{"repair", "relabel", "pods", "records", "collect", "encryption", "backup"}, engines: []string{"floor", "holdfast"},
		namespaces: []int{100, 1000, 5000},
		rounds:     5, convergeRounds: 3, drifts: 500, bursts: 10, burst: 100, idle: time.Minute,
		relabel: relabelOptions{namespaces: 5000, selectors: []int{1, 200}, relabels: 500},
		pods:    podsOptions{namespaces: []int{1000, 10000}, perNamespace: 5, events: 3000, rate: 200},
		records: recordsOptions{entries: 1_000_000, namespaces: 500},
		collect: collectOptions{namespaces: 10_000, collections: 5},

		encryption: encryptionOptions{ingresses: 5000, volumes: 10_000, changes: 300},
		backup:     backupOptions{namespaces: 2000, backups: 50_000, changes: 200, runs: 5},
	}
	short := normal
	short.relabel.relabels, short.pods.events = 60, 300
	short.encryption.changes = 50
	short.backup.changes, short.backup.runs = 50, 2
	short.records.entries, short.collect.collections = 200_000, 2
	short.rounds, short.convergeRounds, short.drifts, short.bursts, short.idle = 1, 1, 50, 2, 10*time.Second
	written := normal
	written.namespaces, written.write = []int{5000}, "docs/benchmarks.md"
	merged := normal
	merged.suites, merged.merge, merged.write = []string{"pods"}, true, "docs/benchmarks.md"
	for name, tc := range map[string]struct {
		arguments []string
		want      options
		wantErr   bool
	}{
		"nothing":                  {nil, normal, false},
		"short":                    {[]string{"-short"}, short, false},
		"written":                  {[]string{"-write", "-namespaces=5000"}, written, false},
		"merged":                   {[]string{"-merge", "-suites=pods"}, merged, false},
		"no such suite":            {[]string{"-suites=repair,old"}, options{}, true},
		"no such engine":           {[]string{"-engines=roof"}, options{}, true},
		"more selectors than room": {[]string{"-relabel-namespaces=100"}, options{}, true},
		"more changes than pods":   {[]string{"-pod-namespaces=100"}, options{}, true},
		"no number":                {[]string{"-namespaces=many"}, options{}, true},
		"no namespaces":            {[]string{"-namespaces="}, options{}, true},
		"too few entries":          {[]string{"-entries=10"}, options{}, true},
		"nothing to collect":       {[]string{"-collect-namespaces=0"}, options{}, true},
		"too few volumes":          {[]string{"-volumes=1"}, options{}, true},
		"too few backups":          {[]string{"-backups=2000"}, options{}, true},
		"no rounds":                {[]string{"-rounds=0"}, options{}, true},
		"fewer drifts than rounds": {[]string{"-drifts=4"}, options{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseOptions(tc.arguments)
			if (err != nil) != tc.wantErr {
				t.Fatalf("error %v, want one: %t", err, tc.wantErr)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(options{}, relabelOptions{}, podsOptions{}, recordsOptions{}, collectOptions{}, encryptionOptions{}, backupOptions{})); err == nil && diff != "" {
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
