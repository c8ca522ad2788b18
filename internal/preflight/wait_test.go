package preflight

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
)

// TestUntil: a problem is logged at once, and again when it has lasted for a
// minute, however its details change; another one is logged at once.
func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var logged []string
		log := funcr.New(func(string, string) { logged = append(logged, time.Since(begin).String()) }, funcr.Options{})
		var waiting string
		attempts := 0
		w := &Waiter{Waiting: func(sentence string) { waiting = sentence }, Log: log}
		err := w.Until(t.Context(), func(context.Context) error {
			attempts++
			switch past := time.Since(begin); {
			case past < 90*time.Second:
				return fmt.Errorf("wrapped: %w", &Problem{What: "it is dark", Cause: fmt.Errorf("attempt %d", attempts), Remedy: "wait"})
			case past < 100*time.Second:
				return &Problem{What: "it is cold", Remedy: "wait"}
			default:
				return nil
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"0s", "1m0s", "1m30s"}, logged); diff != "" {
			t.Errorf("logged at (-want +got):\n%s", diff)
		}
		if waiting != "it is cold: wait" || attempts != 51 {
			t.Errorf("waited for %q last, after %d attempts", waiting, attempts)
		}
	})
}

func TestUntilEnds(t *testing.T) {
	broken := errors.New("broken")
	cases := map[string]struct {
		attempt func(cancel func()) error
		want    error
	}{
		"with what no wait mends": {func(func()) error { return broken }, broken},
		"with its context": {func(cancel func()) error {
			cancel()
			return &Problem{What: "it is dark", Remedy: "wait"}
		}, context.Canceled},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := &Waiter{Waiting: func(string) {}}
			if err := w.Until(ctx, func(context.Context) error { return tc.attempt(cancel) }); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}
