package controllers

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestFirstCompleteEvaluation(t *testing.T) {
	first, second, other := defined(t, policy("p")), defined(t, policy("p")), defined(t, policy("q"))
	force := func(defs ...*definition) *definitions {
		all := &definitions{byName: map[string]*definition{}}
		for _, d := range defs {
			all.byName[d.Name] = d
		}
		return all
	}
	i := &introductions{by: map[string]*introduction{}}
	i.await(first, []string{"a", control.Cluster, "b"})
	i.await(other, []string{"b"})
	i.evaluated(control.Cluster, force(first, other), nil)
	if !i.pending("p") || !i.waits(first, "a") || i.waits(first, "c") || i.waits(second, "a") {
		t.Error("it waits for other namespaces than it was told to")
	}
	if got := i.evaluated("c", force(first, other), nil); len(got) != 0 {
		t.Errorf("a namespace that nobody waits for completes %v", got)
	}
	if got := i.evaluated("a", force(first, other), nil); len(got) != 0 || i.waits(first, "a") {
		t.Errorf("one of two namespaces completes %v", got)
	}
	if got := i.evaluated("b", force(second), nil); len(got) != 0 || !i.waits(first, "b") || !i.pending("q") {
		t.Error("an evaluation by another generation counts")
	}
	if got := i.evaluated("b", force(first), map[*definition]bool{first: true}); len(got) != 0 || !i.waits(first, "b") {
		t.Error("an evaluation without what a control needs counts")
	}
	got := i.evaluated("b", force(first, other), nil)
	if len(got) != 2 || i.pending("p") || i.pending("q") {
		t.Fatalf("got %d complete, want both", len(got))
	}
	for _, intro := range got {
		if want := map[*definition]int{first: 2, other: 1}[intro.def]; intro.namespaces != want {
			t.Errorf("%s: got %d namespaces, want %d", intro.def.Name, intro.namespaces, want)
		}
	}
	if again := i.evaluated("b", force(first, other), nil); len(again) != 0 {
		t.Errorf("%v is complete twice", again)
	}
}

func TestNewestGenerationIsAwaited(t *testing.T) {
	first, second := defined(t, policy("p")), defined(t, policy("p"))
	i := &introductions{by: map[string]*introduction{}}
	i.await(first, []string{"a"})
	i.await(second, []string{"a", "b"})
	if i.waits(first, "a") || !i.waits(second, "b") {
		t.Error("it waits for a generation that is superseded")
	}
	i.await(second, nil)
	if i.pending("p") {
		t.Error("it waits for no namespace at all")
	}
	i.await(second, []string{"a"})
	i.forget("p")
	if i.pending("p") {
		t.Error("it waits for a policy that is gone")
	}
}
