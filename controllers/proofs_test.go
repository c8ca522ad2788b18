package controllers

import (
	"testing"
	"time"
)

// TestTheFirstEventBoundsWhatChanged: until the sign of life before the first
// event since it was judged last, a namespace was as it was judged.
func TestTheFirstEventBoundsWhatChanged(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	p := proofs{by: map[string]time.Time{}}
	p.note("shop", time.Time{})
	if got := p.of("shop"); !got.IsZero() {
		t.Errorf("without an event: got %v", got)
	}
	p.note("shop", at(2))
	p.note("shop", at(3))
	p.note("other", at(1))
	if got := p.of("shop"); !got.Equal(at(2)) {
		t.Errorf("after two events: got %v, want the first", got)
	}
	p.note("shop", at(1)) // of another kind, whose watch is slower
	p.judged("shop", at(2))
	if got := p.of("shop"); !got.Equal(at(1)) {
		t.Errorf("an earlier one that came meanwhile: got %v, want %v", got, at(1))
	}
	p.judged("shop", at(1))
	if got := p.of("shop"); !got.IsZero() {
		t.Errorf("once judged: got %v", got)
	}
	if got := p.of("other"); !got.Equal(at(1)) {
		t.Errorf("another namespace: got %v", got)
	}
}
