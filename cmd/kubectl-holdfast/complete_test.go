package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// completion completes what the cluster has. Flags come before the words, as
// they would be typed.
func (e *environment) completion(t *testing.T) {
	e.policy(t, "observe.yaml")
	complete := func(args ...string) []string {
		t.Helper()
		out, _, status := holdfast(t, append([]string{"__complete", "--kubeconfig", e.kubeconfig}, args...)...)
		if status != statusDone {
			t.Fatalf("status %d", status)
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		return lines[:len(lines)-1]
	}
	cases := map[string]struct{ args, want []string }{
		"policies":     {[]string{"status", ""}, []string{"baseline"}},
		"one policy":   {[]string{"status", "baseline", ""}, []string{}},
		"controls":     {[]string{"explain", "b"}, []string{"baseline/NET-1"}},
		"outputs":      {[]string{"status", "-o", ""}, []string{"text", "wide", "json", "yaml"}},
		"contexts":     {[]string{"status", "--context", ""}, []string{"controlplane"}},
		"no namespace": {[]string{"explain", "NET-1", "shop", ""}, []string{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, complete(c.args...)); diff != "" {
				t.Errorf("completions (-want +got):\n%s", diff)
			}
		})
	}
	if namespaces := complete("explain", "NET-1", ""); !slices.Contains(namespaces, "shop") {
		t.Errorf("namespaces: %v, want shop among them", namespaces)
	}
}
