package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	made := &table{header: []string{"", "floor", "holdfast"}}
	made.add("p50", "2 ms", "a|b")
	made.add("idle")
	want := "|  | floor | holdfast |\n|---|---|---|\n| p50 | 2 ms | a\\|b |\n| idle |  |  |\n\n"
	var got bytes.Buffer
	made.write(&got)
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadable(t *testing.T) {
	for _, tc := range []struct {
		d    time.Duration
		want string
	}{
		{0, "–"},
		{2254 * time.Microsecond, "2.25 ms"},
		{22540 * time.Microsecond, "22.5 ms"},
		{225400 * time.Microsecond, "225 ms"},
		{2254 * time.Millisecond, "2.25 s"},
	} {
		if got := readable(tc.d); got != tc.want {
			t.Errorf("readable(%s) = %q, want %q", tc.d, got, tc.want)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, tc := range []struct {
		a, b time.Duration
		want string
	}{
		{5, 4, "1.25×"},
		{0, 4, "–"},
		{5, 0, "–"},
	} {
		if got := times(tc.a, tc.b); got != tc.want {
			t.Errorf("times(%d, %d) = %q, want %q", tc.a, tc.b, got, tc.want)
		}
	}
}
