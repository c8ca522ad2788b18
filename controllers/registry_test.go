package controllers

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

func TestRegistryRefusesWhatIsSuperseded(t *testing.T) {
	r, ns := newRegistry(), production("a")
	first := defined(t, policy("p"))
	r.swap("p", first, func() {})
	pinned := r.load().over(ns)
	if !slices.Equal(pinned, []*definition{first}) {
		t.Fatalf("got %v over the namespace", pinned)
	}
	ran := func() bool {
		done := false
		if told := r.do(ns, pinned, func() { done = true }); told != done {
			t.Errorf("do says %t, and did %t", told, done)
		}
		return done
	}
	if !ran() {
		t.Error("what is in force was refused")
	}

	elsewhere := defined(t, policy("q", func(p *v1alpha1.ControlPolicy) { p.Spec.Scope.NamespaceSelector.MatchLabels["tier"] = "test" }))
	r.swap("q", elsewhere, func() {})
	if !ran() {
		t.Error("a policy over other namespaces supersedes the pass")
	}
	cases := map[string]*definition{
		"p": defined(t, policy("p", func(p *v1alpha1.ControlPolicy) { p.Generation = 2 })),
		"r": defined(t, policy("r")),
	}
	for name, next := range cases {
		r.swap(name, next, func() {})
		if ran() {
			t.Errorf("policy %s came into force, and the pass goes on", name)
		}
		r.swap(name, nil, func() {})
		r.swap("p", first, func() {})
	}
	if !ran() {
		t.Error("the same definitions are in force again, and refused")
	}
	r.swap("p", nil, func() {})
	if ran() {
		t.Error("a policy that is gone is acted for")
	}
}

// TestSwapWaitsForWorkUnderWay: what is done in the name of a definition is
// over before the next one is recorded.
func TestSwapWaitsForWorkUnderWay(t *testing.T) {
	r, ns := newRegistry(), production("a")
	first, second := defined(t, policy("p")), defined(t, policy("p"))
	r.swap("p", first, func() {})
	started, release, swapped := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var working atomic.Bool
	go r.do(ns, []*definition{first}, func() {
		working.Store(true)
		close(started)
		<-release
		working.Store(false)
	})
	<-started
	go r.swap("p", second, func() {
		if working.Load() {
			t.Error("the next definition is recorded while work is under way")
		}
		if r.load().byName["p"] != first {
			t.Error("the next definition is in force before it is recorded")
		}
		close(swapped)
	})
	for r.gate.TryRLock() { // fails as soon as the swap waits at the gate
		r.gate.RUnlock()
		runtime.Gosched()
	}
	close(release)
	<-swapped
	r.during(second, func() {}) // waits until the swap is over
	if got := r.load().byName["p"]; got != second {
		t.Errorf("got %v in force", got)
	}
}

func TestDuring(t *testing.T) {
	r := newRegistry()
	first, second := defined(t, policy("p")), defined(t, policy("p"))
	r.swap("p", first, func() {})
	for def, want := range map[*definition]bool{first: true, second: false} {
		did := false
		r.during(def, func() { did = true })
		if did != want {
			t.Errorf("did %t, want %t", did, want)
		}
	}
}

func TestDefinitionsAreSorted(t *testing.T) {
	r := newRegistry()
	for _, name := range []string{"c", "a", "b"} {
		r.swap(name, defined(t, policy(name)), func() {})
	}
	var names []string
	for _, d := range r.load().over(production("a")) {
		names = append(names, d.Name)
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("got %v", names)
	}
}

// TestRenewalEndsWithTheLastPolicy: until then some of the policies are missing.
func TestRenewalEndsWithTheLastPolicy(t *testing.T) {
	r := newRegistry()
	put := func(names ...string) {
		for _, name := range names {
			r.swap(name, defined(t, policy(name)), func() {})
		}
	}
	put("p", "q", "r")
	if r.renewing() {
		t.Error("nothing was taken out")
	}
	if names := r.renew(); !slices.Equal(names, []string{"p", "q", "r"}) || len(r.load().sorted) > 0 {
		t.Errorf("%v are to be renewed, %v in force", names, r.load().sorted)
	}
	put("q", "s")
	r.swap("p", nil, func() {})
	if !r.renewing() {
		t.Error("r is missing")
	}
	put("r")
	if r.renewing() {
		t.Error("none is missing")
	}
}
