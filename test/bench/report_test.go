package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bothEngines is the result of a run in which the operator took twice the floor's time.
func bothEngines(namespaces int) *sizeResult {
	of := func(name string, took time.Duration) *measured {
		return &measured{
			engine: &engine{name: name},
			single: []sample{{took, took}}, bursts: []sample{{took}}, all: []sample{{took}},
			same: []sample{{took}}, down: []sample{{took}},
			converged: []converged{{each: sample{took}, last: took, created: took}},
			cost:      cost{events: 10, cpu: took},
			idle:      idle{lasted: time.Minute},
			peak:      memory{resident: 30 << 20, private: 10 << 20},
		}
	}
	return &sizeResult{
		namespaces: namespaces,
		engines:    []*measured{of(floorName, time.Millisecond), of(holdfastName, 2*time.Millisecond)},
		ledger:     &ledgerCheck{made: 3},
	}
}

func TestReport(t *testing.T) {
	run := &report{
		facts:   facts{cores: 2, load: 0.1},
		options: options{rounds: 1, bursts: 1, burst: 100, drifts: 10},
		sizes:   []*sizeResult{bothEngines(1000), bothEngines(100)},
		relabels: &relabelResult{namespaces: 5000, users: 200, by: []*relabelled{
			{selectors: 1, cost: cost{events: 100, cpu: 100 * time.Millisecond}},
			{selectors: 200, cost: cost{events: 100, cpu: time.Second}, entered: sample{time.Millisecond}},
		}},
		pods: []*podsResult{{
			namespaces: 10000, pods: 50000, measured: &measured{peak: memory{200 << 20, 150 << 20}},
			filled:   memory{190 << 20, 140 << 20},
			creation: podCost{cost: cost{events: 50000, cpu: 50 * time.Second}, evaluations: 5000, took: time.Minute},
			restart:  coldStart{first: time.Second, last: 3 * time.Second, evaluated: 10 * time.Second},
			install:  coldStart{evaluated: 30 * time.Second},
		}},
		records: &recordsResult{entries: 1_000_001, namespaces: 500, episodes: 7, controls: 3, sizes: map[string]uint64{"segments": 800 << 20, "objects": 3 << 20, "journal": 1},
			json: toolRun{5 * time.Second, 4 * time.Second, 1 << 30}, html: toolRun{6 * time.Second, 4 * time.Second, 1 << 30}, verify: toolRun{15 * time.Second, 4 * time.Second, 100 << 20},
			opened: sample{time.Second}, day: sample{time.Millisecond}, read: sample{time.Second}},
		collections: &collectResult{namespaces: 10000, made: []collected{{4 * time.Second, "Completed", 10000, 0}, {5 * time.Second, "Partial", 9000, 2}},
			cost: cost{events: 2, cpu: 4 * time.Second}},
		encryption: &encryptionResult{encryptionOptions: encryptionOptions{ingresses: 500, volumes: 600},
			start:   coldStart{evaluated: 4 * time.Second, evaluations: 501},
			ingress: podCost{cost: cost{events: 10}, evaluations: 10}, volume: podCost{cost: cost{events: 10}, evaluations: 30}},
		backups: &backupResult{backupOptions: backupOptions{namespaces: 2000, backups: 50_000, changes: 10, runs: 2},
			floor: backupMeasured{start: coldStart{evaluated: time.Second, memory: memory{80 << 20, 60 << 20}}, single: podCost{cost: cost{events: 10, cpu: 10 * time.Millisecond}}},
			holdfast: backupMeasured{start: coldStart{evaluated: 4 * time.Second, evaluations: 2010}, turned: 2 * time.Second,
				single: podCost{cost: cost{events: 10, cpu: 50 * time.Millisecond}, evaluations: 40}, first: podCost{cost: cost{events: 1}, evaluations: 4006}},
			recorded: backupsRecorded{turned: 10, occurrences: 10}},
	}
	var text bytes.Buffer
	run.write(&text)
	for _, want := range []string{
		"## Budgets\n",
		"| One Ingress changed, namespaces evaluated | 500 Ingresses with certificates, 600 volumes | ≤ 2 | 1.00 | met |",
		"| One volume changed, namespaces evaluated | 500 Ingresses with certificates, 600 volumes | ≤ 2 | 3.00 | missed by 50 % |",
		"| Started without a ledger: all judged and recorded | 4.00 s |",
		"| One new Backup of one namespace, evaluations | 50000 Backups of 2000 namespaces | ≤ 4 | 4.00 | met |",
		"| One new run of the plan, evaluations | 50000 Backups of 2000 namespaces | ≤ 2003 | 4006.00 | missed by 100 % |",
		"| 2000 namespaces, one control | floor | holdfast |",
		"| 10 new Backups of one namespace, one at a time: CPU each | 1.00 ms | 5.00 ms |",
		"| – resident memory, peak, all / without pages of files | 80 MiB / 60 MiB | – |",
		"| – from the end of the first run until no namespace deviates | – | 2.00 s |",
		"10 of the namespaces with a new Backup conform since, 0 of the others; occurrences recorded: 10.",
		"| One drift, p50 | 1000 namespaces | ≤ 1.25× floor | 2.00× (2.00 ms, floor 1.00 ms) | missed by 60 % |",
		"|  | floor | holdfast | holdfast / floor |",
		"| All 1000 drifted at once: median p50 / median of the last repaired | 1.00 ms / 1.00 ms | 2.00 ms / 2.00 ms | 2.00× / 2.00× |",
		"The ledger: 3 drifts made",
		"| One namespace relabelled, CPU | 5000 namespaces, peer selectors: 1 | ≤ 5.00 ms | 1.00 ms | met |",
		"| One namespace relabelled, CPU | 5000 namespaces, peer selectors: 200 | ≤ 5.00 ms | 10.0 ms | missed by 100 % |",
		"| CPU per relabel, from one team to another | 1.00 ms (of 100) | 10.0 ms (of 100) |",
		"## 10000 namespaces, 50000 pods\n",
		"| – pods created | 190 MiB / 140 MiB |",
		"| 50000 pods created in 60.00 s: CPU each | 1.00 ms |",
		"| – evaluations of a namespace / API requests of the operator, each | 0.10 / 0.00 |",
		"| Restart with its ledger, all repaired | 10000 namespaces, 50000 pods | ≤ 2.00 s | 3.00 s | missed by 50 % |",
		"| Start without a ledger, all evaluated | 10000 namespaces, 50000 pods | ≤ 20.00 s | 30.00 s | missed by 50 % |",
		"| Resident memory, peak | 10000 namespaces, 50000 pods | ≤ 220 MiB | 200 MiB (150 MiB without pages of files) | met |",
		"## A ledger of one million entries\n",
		"| Record of 12 months | a ledger of one million entries | ≤ 10 s, ≤ 512 MiB | 5.00 s, 1024 MiB | missed by 100 % |",
		"| Verification | a ledger of one million entries | ≤ 20.00 s | 15.00 s | met |",
		"| Start of the operator | a ledger of one million entries | ≤ 2.00 s | 1.00 s to open its ledger | met |",
		"| Record of the twelve months, JSON | 5.00 s | 4.00 s | 1024 MiB |",
		"On the disk: segments 800 MiB, objects 3 MiB. The record has 3 controls and 7 episodes.",
		"## A collection of 10000 namespaces\n",
		"| From its beginning to its end: median / worst | 4.00 s / 5.00 s |",
		"| Collections | 2: Completed, Partial |",
		"| Units compared with the recorded state in each / discrepancies in all | 9000 / 2 |",
		"| CPU of the operator per collection | 2.00 s |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("there is no %q in\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "| One drift, p50 | 100 namespaces") {
		t.Error("100 namespaces are judged, for which there are no budgets")
	}
	if strings.Contains(text.String(), "All 100 drifted at once") {
		t.Error("all 100 namespaces are a burst, and are reported again")
	}
}

func TestSizesThatAreJudged(t *testing.T) {
	for name, tc := range map[string]struct {
		sizes []int
		want  []string
	}{
		"nothing measured":      {nil, nil},
		"all from budgets' on":  {[]int{5000, 100, 1000}, []string{"1000 namespaces", "5000 namespaces"}},
		"the largest, if small": {[]int{100, 20}, []string{"100 namespaces"}},
	} {
		t.Run(name, func(t *testing.T) {
			run := &report{}
			for _, n := range tc.sizes {
				run.sizes = append(run.sizes, bothEngines(n))
			}
			var got []string
			for _, v := range run.verdicts() {
				got = append(got, v.at)
			}
			if diff := cmp.Diff(tc.want, slices.Compact(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReportTellsOfNoise(t *testing.T) {
	for name, tc := range map[string]struct {
		load float64
		want bool
	}{
		"at rest": {0.3, false},
		"busy":    {3.2, true},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			(&report{facts: facts{cores: 2, load: tc.load}}).writeNoise(&text)
			if got := strings.Contains(text.String(), "not at rest"); got != tc.want {
				t.Errorf("with a load of %v it warns: %t, want %t", tc.load, got, tc.want)
			}
		})
	}
}
