package observe

import (
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// TestYoungWatchesAreNotBrokenOff: that would begin with a list, and be a gap.
func TestYoungWatchesAreNotBrokenOff(t *testing.T) {
	o, err := New(Options{Config: &rest.Config{Host: "127.0.0.1:0"}, FieldManager: "test"})
	if err != nil {
		t.Fatal(err)
	}
	k, opened := o.kinds[kindIngresses], time.Now()
	k.openedAt, k.check = opened, &check{version: "9", at: opened.Add(time.Millisecond)}
	for _, moment := range []struct {
		after time.Duration
		want  step
	}{{youngest - 1, stepNone}, {youngest, stepRestart}, {2 * youngest, stepNone}} {
		if got := k.pursue(opened.Add(moment.after)); got != moment.want {
			t.Errorf("after %s: step %d, want %d", moment.after, got, moment.want)
		}
	}
}
