package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// TestProbesAreCounted: runs and what each target came to, the newest run, and how
// the targets stand at the scrape.
func TestProbesAreCounted(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	m := e.Metrics
	m.Probing(func() map[string]map[string]int {
		return map[string]map[string]int{control.ProbeHandshake: {probe.Seen: 1, probe.Stale: 2, control.ReasonForbidden: 3}}
	})
	run := &probe.Run{Of: control.ProbeHandshake, Scope: "quagga", BeganAt: noon.Add(-3 * time.Second), EndedAt: noon,
		Observations: []control.Observation{{}, {Reason: control.ReasonForbidden}, {}}}
	m.probed(run)
	older := *run
	older.BeganAt, older.EndedAt = noon.Add(-2*time.Minute), noon.Add(-time.Minute)
	m.probed(&older)
	series := map[string][]string{
		"holdfast_probe_targets": {`{probe="Handshake",result="Seen"} 1`, `{probe="Handshake",result="Stale"} 2`,
			`{probe="Handshake",result="Forbidden"} 3`, `{probe="Handshake",result="Awaited"} 0`, `{probe="Canary",result="Seen"} 0`},
		"holdfast_probes_total": {`{probe="Handshake",result="Seen"} 4`, `{probe="Handshake",result="Forbidden"} 2`,
			`{probe="Guard",result="Failed"} 0`},
		"holdfast_probe_runs_total":             {`{probe="Handshake"} 2`, `{probe="Certificate"} 0`},
		"holdfast_probe_run_seconds":            {`_count{probe="Handshake"} 2`, `_sum{probe="Handshake"} 63`},
		"holdfast_last_probe_timestamp_seconds": {`{probe="Handshake"} 1.`},
	}
	for name, want := range series {
		text, err := testutil.CollectAndFormat(m, expfmt.TypeTextPlain, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range want {
			if !strings.Contains(string(text), name+line) {
				t.Errorf("there is no %s%s in\n%s", name, line, text)
			}
		}
	}
	if got := testutil.CollectAndCount(m, "holdfast_last_probe_timestamp_seconds"); got != 1 {
		t.Errorf("got the time of %d kinds, want only the one that was probed", got)
	}
}
