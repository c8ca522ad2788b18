package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// probing is a control type that wants hosts probed.
type probing struct {
	typ
	hosts *[]string
}

func (c probing) Targets(control.Input) []control.Target {
	if *c.hosts == nil {
		panic("boom")
	}
	var targets []control.Target
	for _, host := range *c.hosts {
		targets = append(targets, control.Target{Handshake: &control.HandshakeTarget{Host: host}})
	}
	return targets
}

// prober has seen what it is told to have seen.
type prober struct {
	seen      []control.Observation
	awaited   bool
	wanted    []string
	forgotten int
}

func (p *prober) Want(_ string, wanted []probe.Wanted) ([]control.Observation, bool) {
	p.wanted = nil
	for _, w := range wanted {
		p.wanted = append(p.wanted, w.Policy+"/"+w.Control+" "+w.Handshake.Host)
	}
	return p.seen, p.awaited
}

func (p *prober) Forget(string) { p.forgotten++ }

// TestWhatIsProbedIsPartOfTheSnapshot: what controls want probed is, and until all of
// it was, that is one more thing that could not be observed.
func TestWhatIsProbedIsPartOfTheSnapshot(t *testing.T) {
	seen := []control.Observation{observed("a.example.com", noon, "")}
	cases := map[string]struct {
		hosts           []string
		seen            []control.Observation
		awaited         bool
		terminating     bool
		wantWanted      []string
		wantUnavailable map[control.Need]string
		wantForgotten   int
	}{
		"seen": {[]string{"a.example.com"}, seen, false, false, []string{"p/NET-1 a.example.com"}, map[control.Need]string{control.NeedPods: control.ReasonForbidden}, 0},
		"awaited": {[]string{"a.example.com", "b.example.com"}, seen, true, false, []string{"p/NET-1 a.example.com", "p/NET-1 b.example.com"},
			map[control.Need]string{control.NeedPods: control.ReasonForbidden, control.NeedProbes: control.ReasonInconclusive}, 0},
		"nothing any more":    {[]string{}, nil, false, false, nil, map[control.Need]string{control.NeedPods: control.ReasonForbidden}, 1},
		"it cannot be said":   {nil, nil, false, false, nil, map[control.Need]string{control.NeedPods: control.ReasonForbidden}, 1},
		"the scope goes away": {[]string{"a.example.com"}, nil, false, true, nil, map[control.Need]string{control.NeedPods: control.ReasonForbidden}, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newObjectsScene(t)
			s.findings = func() []control.Finding { return nil }
			hosts := []string{"a.example.com"}
			p := &prober{}
			s.r.Prober, s.def.Controls[0].Kind = p, probing{typ{s.def.Controls[0].Kind.Evaluate}, &hosts}
			first := passOver(s.r, s.ns)
			s.r.probed(first)

			hosts, p.seen, p.awaited, p.wanted = tc.hosts, tc.seen, tc.awaited, nil
			s.ns.Terminating = tc.terminating
			pass := passOver(s.r, s.ns)
			pass.snapshot.Unavailable = map[control.Need]string{control.NeedPods: control.ReasonForbidden}
			observer := *pass.snapshot
			for range 2 { // the second time nothing is new
				s.r.probed(pass)
			}
			if diff := cmp.Diff(tc.wantWanted, p.wanted); diff != "" || p.forgotten != tc.wantForgotten {
				t.Errorf("forgotten %d times, want %d; wanted (-want +got):\n%s", p.forgotten, tc.wantForgotten, diff)
			}
			if diff := cmp.Diff(tc.seen, pass.snapshot.Observations); diff != "" {
				t.Errorf("observations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantUnavailable, pass.snapshot.Unavailable); diff != "" {
				t.Errorf("unavailable (-want +got):\n%s", diff)
			}
			if len(observer.Unavailable) != 1 {
				t.Error("the observer's own snapshot was changed")
			}
		})
	}
}

// observed is what was seen of a host at a time; nothing, where there is a reason.
func observed(host string, at time.Time, reason string) control.Observation {
	o := control.Observation{Target: control.Target{Handshake: &control.HandshakeTarget{Host: host}}, At: at, ValidUntil: at.Add(time.Hour), Reason: reason}
	if reason == "" {
		o.Served = &control.Served{Versions: []string{"1.3"}}
	}
	return o
}

// TestRunsOfProbesAreEntries: with how many saw what, and the same object for as long
// as the same is seen.
func TestRunsOfProbesAreEntries(t *testing.T) {
	scope := production("a").Subject()
	runAt := func(at time.Time) probe.Run {
		return probe.Run{Scope: "a", Of: control.ProbeHandshake, BeganAt: at, EndedAt: at.Add(2 * time.Second),
			For:          []ledger.ProbedFor{{Policy: "p", Control: "NET-1"}},
			Observations: []control.Observation{observed("a.example.com", at.Add(2*time.Second), ""), observed("b.example.com", at.Add(time.Second), control.ReasonInconclusive)}}
	}
	first, err := probedDraft(scope, runAt(noon))
	if err != nil {
		t.Fatal(err)
	}
	second, err := probedDraft(scope, runAt(noon.Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	want := &ledger.ProbeBody{Of: control.ProbeHandshake, BeganAt: ledger.At(noon), Targets: 2, Unseen: 1, Observations: second.Probe.Observations,
		ValidUntil: ledger.At(noon.Add(time.Hour + time.Second)), For: []ledger.ProbedFor{{Policy: "p", Control: "NET-1"}}}
	if diff := cmp.Diff(want, first.Probe); diff != "" || !first.At.Equal(noon.Add(2*time.Second)) {
		t.Errorf("at %s (-want +got):\n%s", first.At, diff)
	}
	_, objects, err := first.Payload()
	if err != nil || len(objects) != 1 || objects[0].Digest != first.Probe.Observations {
		t.Fatalf("the objects do not hold what was seen: %v, %v", objects, err)
	}
	if data := string(objects[0].Data); !strings.Contains(data, `"host":"a.example.com"`) || strings.Contains(data, "2026") {
		t.Errorf("the object holds %s", data)
	}
	other := runAt(noon)
	other.Observations[0].Served.Versions = []string{"1.2"}
	if third, err := probedDraft(scope, other); err != nil || third.Probe.Observations == first.Probe.Observations {
		t.Errorf("another sight is the same object (%v)", err)
	}
}

// TestTheLargestRunFitsAnEntry, with what it may be cut down to, and its keys are
// known from then on.
func TestTheLargestRunFitsAnEntry(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	run := probe.Run{Of: control.ProbeCanary, BeganAt: noon, EndedAt: noon, Observations: []control.Observation{observed("a.example.com", noon, "")}}
	for i := range 40 {
		run.For = append(run.For, ledger.ProbedFor{Policy: strings.Repeat("p", 63), Control: strings.Repeat("c", 63)})
		run.Keys = append(run.Keys, ledger.SeenKey{ID: fmt.Sprintf("secrets/kms/v2/%s/%063d%d", strings.Repeat("k", 63), 0, i), FirstSeen: ledger.At(noon)})
	}
	draft, err := probedDraft(control.ClusterNamespace("kube-system", noon).Subject(), run)
	if err != nil {
		t.Fatal(err)
	}
	transitions, _ := e.Recorder.Record(draft)
	body := transitions[0].Entry.Probe
	if !transitions[0].Changed || body == nil || len(body.For)+body.MoreFor != 40 || len(body.Keys) == 0 {
		t.Fatalf("got %+v", transitions[0])
	}
	if first, known := e.KeyFirstSeen(body.Keys[0].ID); !known || !first.Equal(noon) {
		t.Errorf("the first key is known is %t, since %s", known, first)
	}
	if _, known := e.KeyFirstSeen("another"); known {
		t.Error("a key that nobody saw is known")
	}
}
