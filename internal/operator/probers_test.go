package operator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe"
	"github.com/holdfast-dev/holdfast/internal/restoretest"
)

// TestProbers: probes and restore tests are wanted, counted and forgotten as one.
func TestProbers(t *testing.T) {
	runner, err := probe.New(probe.Options{Record: func(probe.Run) {}, OnSeen: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	tester, err := restoretest.New(restoretest.Options{
		Config: &rest.Config{Host: "https://192.0.2.1"}, ClusterUID: "c", Record: func(probe.Run) {}, OnSeen: func(string) {},
		Recall: func(string) ([]control.Observation, bool) { return nil, true }, Alarm: func(string, string, string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &probers{runner, tester}
	canary := probe.Wanted{Target: control.Target{Every: time.Hour, Canary: &control.CanaryTarget{Resource: "secrets"}}}
	restore := probe.Wanted{Target: control.Target{Every: time.Hour, Restore: &control.RestoreTarget{Namespace: "shop"}}}
	for _, step := range []struct {
		name   string
		wanted []probe.Wanted
		want   map[string]map[string]int
	}{
		{"both", []probe.Wanted{canary, restore}, map[string]map[string]int{control.ProbeCanary: {probe.Awaited: 1}, control.ProbeRestore: {probe.Awaited: 1}}},
		{"a restore", []probe.Wanted{restore}, map[string]map[string]int{control.ProbeRestore: {probe.Awaited: 1}}},
		{"a probe", []probe.Wanted{canary}, map[string]map[string]int{control.ProbeCanary: {probe.Awaited: 1}}},
	} {
		if seen, awaited := p.Want("shop", step.wanted); len(seen) > 0 || !awaited {
			t.Errorf("%s: got %v, awaited %t", step.name, seen, awaited)
		}
		if _, awaited := p.Observations("shop"); !awaited {
			t.Errorf("%s: nothing is awaited", step.name)
		}
		if diff := cmp.Diff(step.want, p.Count()); diff != "" {
			t.Errorf("%s:\n%s", step.name, diff)
		}
	}
	p.Forget("shop")
	if counts := p.Count(); len(counts) > 0 {
		t.Errorf("once forgotten: %v", counts)
	}
}

// TestTogether: observations are by target, whoever made them.
func TestTogether(t *testing.T) {
	of := func(target control.Target) control.Observation { return control.Observation{Target: target} }
	handshake := of(control.Target{Handshake: &control.HandshakeTarget{Host: "a"}})
	repository := of(control.Target{Repository: &control.RepositoryTarget{VeleroNamespace: "velero"}})
	restore := of(control.Target{Restore: &control.RestoreTarget{Namespace: "shop"}})
	zeta := of(control.Target{Restore: &control.RestoreTarget{Provider: "Velero", Namespace: "zeta"}})
	for name, tc := range map[string]struct{ probed, tested, want []control.Observation }{
		"probes alone": {probed: []control.Observation{handshake}, want: []control.Observation{handshake}},
		"tests alone":  {tested: []control.Observation{restore}, want: []control.Observation{restore}},
		"both": {probed: []control.Observation{handshake, repository}, tested: []control.Observation{restore, zeta},
			want: []control.Observation{handshake, repository, restore, zeta}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, together(tc.probed, tc.tested)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
