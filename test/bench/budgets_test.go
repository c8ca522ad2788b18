package main

import (
	"testing"
	"time"
)

func TestVerdicts(t *testing.T) {
	requestsOf := func(repairs, leases int) cost {
		return cost{events: 10, cpu: 20 * time.Millisecond, requests: requestCount{
			{"u", "patch", "networkpolicies"}: repairs, {"u", "update", "leases"}: leases,
		}}
	}
	resting := func(r requestCount) idle { return idle{lasted: 30 * time.Second, requests: r} }
	for name, tc := range map[string]struct {
		verdict      verdict
		want         string
		wantMeasured string
	}{
		"at the factor":           {factor("", 125*time.Millisecond, 100*time.Millisecond, 1.25), "met", "1.25× (125 ms, floor 100 ms)"},
		"above the factor":        {factor("", 150*time.Millisecond, 100*time.Millisecond, 1.25), "missed by 20 %", "1.50× (150 ms, floor 100 ms)"},
		"no floor":                {factor("", 150, 0, 1.25), "not measured", "–"},
		"within time":             {atMost("", time.Second, 2*time.Second), "met", "1.00 s"},
		"beyond time":             {atMost("", 3*time.Second, 2*time.Second), "missed by 50 %", "3.00 s"},
		"one request each":        {requests(requestsOf(10, 5)), "met", "2.00"},
		"two requests each":       {requests(requestsOf(20, 0)), "missed by 36 %", "3.00"},
		"no drifts":               {requests(cost{}), "not measured", "–"},
		"no growth":               {growth(requestsOf(1, 1), requestsOf(9, 9)), "met", "1.00× (2.00 ms, with fewer 2.00 ms)"},
		"idle with its lease":     {idleVerdict(resting(requestCount{{"u", "update", "leases"}: 6})), "met", "update leases: 6"},
		"idle with nothing":       {idleVerdict(resting(requestCount{})), "met", "none"},
		"too many leases":         {idleVerdict(resting(requestCount{{"u", "update", "leases"}: 12})), "missed by 100 %", "update leases: 12"},
		"another request":         {idleVerdict(resting(requestCount{{"u", "get", "/api"}: 3})), "missed by 50 %", "get /api: 3"},
		"did not rest":            {idleVerdict(idle{}), "not measured", "–"},
		"little memory":           {memoryVerdict(1000, 0, memory{30 << 20, 9 << 20}), "met", "30 MiB (9 MiB without pages of files)"},
		"much memory":             {memoryVerdict(1000, 0, memory{90 << 20, 9 << 20}), "missed by 50 %", "90 MiB (9 MiB without pages of files)"},
		"more for more":           {memoryVerdict(5000, 0, memory{90 << 20, 9 << 20}), "met", "90 MiB (9 MiB without pages of files)"},
		"more for more pods":      {memoryVerdict(1000, 5001, memory{90 << 20, 9 << 20}), "met", "90 MiB (9 MiB without pages of files)"},
		"no budget for that many": {memoryVerdict(10001, 0, memory{90 << 20, 9 << 20}), "not measured", "90 MiB (9 MiB without pages of files)"},
		"no memory":               {memoryVerdict(1000, 0, memory{}), "not measured", "–"},
		"never written back":      {reopened(&measured{opened: 20}), "met", "0 of 20 changes"},
		"written back":            {reopened(&measured{opened: 20, reopened: 15}), "missed by 75 %", "15 of 20 changes"},
		"none to write back":      {reopened(&measured{}), "not measured", "–"},
		"the same each time":      {sameEachTime([]sample{{4e6, 4e6, 5e6, 5e6}, {4e6, 5e6}}), "met", "1.25× (5.00 ms, 4.00 ms)"},
		"slower each time":        {sameEachTime([]sample{{4e6, 4e6, 10e6, 10e6}}), "missed by 100 %", "2.50× (10.0 ms, 4.00 ms)"},
		"not in a row":            {sameEachTime([]sample{{4e6}}), "not measured", "–"},
		"all recorded":            {recorded(&ledgerCheck{made: 10}), "met", "10 drifts, 0 lost, 0 too many"},
		"one lost":                {recorded(&ledgerCheck{made: 10, lost: 1}), "missed by 10 %", "10 drifts, 1 lost, 0 too many"},
		"one lost of very many":   {recorded(&ledgerCheck{made: 10000, surplus: 1}), "missed by 1 %", "10000 drifts, 0 lost, 1 too many"},
		"no ledger":               {recorded(nil), "not measured", "–"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.verdict.String(); got != tc.want {
				t.Errorf("verdict %q, want %q", got, tc.want)
			}
			if tc.verdict.measured != tc.wantMeasured {
				t.Errorf("measured %q, want %q", tc.verdict.measured, tc.wantMeasured)
			}
		})
	}
}

func TestJudgeNeedsBothEngines(t *testing.T) {
	alone := &sizeResult{namespaces: 100, engines: []*measured{{engine: &engine{name: floorName}}}}
	if got := judge(alone, nil); got != nil {
		t.Errorf("the floor alone was judged: %v", got)
	}
}
