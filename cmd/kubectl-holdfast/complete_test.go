package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/wait"
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
	// Without an answer within completionTimeout there are none: a busy machine may
	// take longer, and is asked again.
	await := func(t *testing.T, as func(got []string) bool, args ...string) (got []string) {
		t.Helper()
		err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			got = complete(args...)
			return as(got), nil
		})
		if err != nil && !wait.Interrupted(err) {
			t.Fatal(err)
		}
		return got
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := await(t, func(got []string) bool { return cmp.Equal(c.want, got) }, c.args...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("completions (-want +got):\n%s", diff)
			}
		})
	}
	hasShop := func(got []string) bool { return slices.Contains(got, "shop") }
	if namespaces := await(t, hasShop, "explain", "NET-1", ""); !hasShop(namespaces) {
		t.Errorf("namespaces: %v, want shop among them", namespaces)
	}
}
