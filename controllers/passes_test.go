package controllers

import "testing"

// TestSettledBetweenPassesOnly: a namespace is settled when the last pass that was
// asked for is over.
func TestSettledBetweenPassesOnly(t *testing.T) {
	p := passes{by: map[string]passState{}}
	steps := []struct {
		name string
		do   func()
		want bool
	}{
		{"at first", func() {}, true},
		{"asked for", func() { p.ask("shop") }, false},
		{"under way", func() { p.begin("shop") }, false},
		{"over", func() { p.end("shop", false) }, true},
		{"under way unasked", func() { p.begin("shop") }, false},
		{"asked for meanwhile", func() { p.ask("shop") }, false},
		{"over, and another is due", func() { p.end("shop", false) }, false},
		{"under way again", func() { p.begin("shop") }, false},
		{"failed", func() { p.end("shop", true) }, false},
		{"made again", func() { p.begin("shop"); p.end("shop", false) }, true},
		{"another namespace", func() { p.ask("other") }, true},
	}
	for _, step := range steps {
		if step.do(); p.settled("shop") != step.want {
			t.Errorf("%s: settled is %t", step.name, !step.want)
		}
	}
}
