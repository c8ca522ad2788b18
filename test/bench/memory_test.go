package main

import "testing"

func TestMemoryWatch(t *testing.T) {
	w := &memoryWatch{}
	for _, m := range []memory{{10, 4}, {30, 5}, {20, 6}} {
		w.saw(m)
	}
	if got, want := w.take(), (memory{30, 6}); got != want {
		t.Errorf("the highest is %v, want %v", got, want)
	}
	w.saw(memory{15, 3})
	if got, want := w.take(), (memory{15, 3}); got != want {
		t.Errorf("the highest since then is %v, want %v", got, want)
	}
	if got := w.take(); got != (memory{}) {
		t.Errorf("nothing was seen, and the highest is %v", got)
	}
}
