package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPodsAreSpreadOverNamespaces(t *testing.T) {
	p := &pods{cluster: &cluster{namespaces: []string{"a", "b", "c"}}, count: 7}
	got := map[string][]string{}
	for n := range p.count {
		got[p.namespace(n)] = append(got[p.namespace(n)], p.shape(n).app)
	}
	want := map[string][]string{"a": {"web", "api", "worker"}, "b": {"web", "api"}, "c": {"web", "api"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPodNamesAreUnique(t *testing.T) {
	p := &pods{cluster: &cluster{namespaces: []string{"a", "b"}}}
	seen := map[string]int{}
	for n := range 100 {
		name := p.namespace(n) + "/" + p.shape(n).name
		if before, twice := seen[name]; twice {
			t.Errorf("pods %d and %d are both %s", before, n, name)
		}
		seen[name] = n
	}
}
