package observe

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestInsistence asks an API server that answers differently as time passes. Time here
// is that of synctest: it passes at once, and to sleep is how long a request takes.
func TestInsistence(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	forbidden := apierrors.NewForbidden(pods, "", errors.New("not yet"))
	during := func(to time.Duration, err error) func(time.Duration) error {
		return func(at time.Duration) error {
			if at < to {
				return err
			}
			return nil
		}
	}
	const outage = time.Minute
	tests := map[string]struct {
		answer func(at time.Duration) error
		// takes is how long an attempt takes that fails.
		takes      time.Duration
		wantErr    error
		wantWithin time.Duration
	}{
		"at once":                        {answer: during(0, nil)},
		"an API server is started":       {answer: during(20*time.Second, syscall.ECONNREFUSED), wantWithin: 25 * time.Second},
		"one that is not ready":          {answer: during(20*time.Second, apierrors.NewServiceUnavailable("not ready")), wantWithin: 25 * time.Second},
		"one that has too much to do":    {answer: during(20*time.Second, apierrors.NewTooManyRequestsError("later")), wantWithin: 25 * time.Second},
		"one that knows no roles yet":    {answer: during(time.Second, forbidden), wantWithin: passing},
		"one that never answers":         {answer: during(time.Hour, syscall.ECONNREFUSED), wantErr: syscall.ECONNREFUSED, wantWithin: outage},
		"one that hangs":                 {answer: during(time.Hour, context.DeadlineExceeded), takes: 45 * time.Second, wantErr: context.DeadlineExceeded, wantWithin: 91 * time.Second},
		"no permission":                  {answer: during(time.Hour, forbidden), wantErr: forbidden, wantWithin: 2 * passing},
		"what there is not":              {answer: during(time.Hour, errUnreadable), wantErr: errUnreadable},
		"what moves whenever it is read": {answer: during(time.Hour, fmt.Errorf("page: %w", errMoved)), wantErr: errMoved},
		"no roles yet after an outage": {answer: func(at time.Duration) error {
			if at < 30*time.Second {
				return syscall.ECONNREFUSED
			}
			return during(31*time.Second, forbidden)(at)
		}, wantWithin: 40 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				_, err := NewInsistence(outage).Ask(t.Context(), func() error {
					err := test.answer(time.Since(began))
					if err != nil {
						time.Sleep(test.takes)
					}
					return err
				})
				if !errors.Is(err, test.wantErr) || time.Since(began) > test.wantWithin {
					t.Errorf("got %v after %s, want %v within %s", err, time.Since(began), test.wantErr, test.wantWithin)
				}
			})
		})
	}
}

// TestInsistenceIsBounded: what was spent on one request is not there for the next,
// and what time an answer takes is not spent.
func TestInsistenceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, i := time.Now(), NewInsistence(time.Minute)
		silent := func() error { return syscall.ECONNREFUSED }
		if again, err := i.Ask(t.Context(), func() error { time.Sleep(time.Hour); return nil }); again != 0 || err != nil {
			t.Errorf("asked %d times again: %v", again, err)
		}
		for range 3 {
			if _, err := i.Ask(t.Context(), silent); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("got %v", err)
			}
		}
		if spent := time.Since(began) - time.Hour; spent != time.Minute {
			t.Errorf("spent %s, want a minute", spent)
		}
	})
}

// TestInsistenceEnds: a process that stops does not wait for an API server.
func TestInsistenceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		began := time.Now()
		time.AfterFunc(10*time.Second, stop)
		if _, err := NewInsistence(time.Hour).Ask(ctx, func() error { return syscall.ECONNREFUSED }); err == nil {
			t.Error("there is an answer")
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("it took %s to stop", took-10*time.Second)
		}
	})
}

// TestNoInsistence: nil asks once.
func TestNoInsistence(t *testing.T) {
	var none *Insistence
	if again, err := none.Ask(t.Context(), func() error { return syscall.ECONNREFUSED }); again != 0 || err == nil {
		t.Errorf("asked %d times again: %v", again, err)
	}
}
