package observe

import (
	"context"
	"errors"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
)

// Insistence asks again while no API server answers, as while one is started again. nil
// asks once. Its methods must not be used concurrently.
type Insistence struct {
	// left is for how long it may still be asked again, all in all.
	left time.Duration
	// refusedSince is when the first request was forbidden since an API server
	// answered last, zero where none was.
	refusedSince time.Time
}

// NewInsistence returns one that spends as much time as outage, all in all, on requests
// that are not answered, and on the pauses before they are made again. One that was
// made already it does not break off.
func NewInsistence(outage time.Duration) *Insistence { return &Insistence{left: outage} }

// Ask calls ask until it is answered, the outage has lasted too long, or ctx ends. It
// returns ask's last error, and how often it was asked again. A refusal is an
// answer once it lasts: an API server that begins to serve forbids everything until it
// knows its roles.
func (i *Insistence) Ask(ctx context.Context, ask func() error) (again int, err error) {
	pause := wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Steps: 4, Cap: 5 * time.Second, Jitter: 0.1}
	for ; ; again++ {
		began := time.Now()
		if err = ask(); !i.asksAgain(err) || ctx.Err() != nil {
			return again, err
		}
		i.left -= time.Since(began)
		next := min(pause.Step(), i.left)
		if next <= 0 {
			return again, err
		}
		i.left -= next
		select {
		case <-ctx.Done():
			return again, err
		case <-time.After(next):
		}
	}
}

// asksAgain reports whether a request that ended so may end otherwise later.
func (i *Insistence) asksAgain(err error) bool {
	switch {
	case i == nil || err == nil:
		return false
	case unanswered(err):
		i.refusedSince = time.Time{}
		return true
	case causeOf(err) != CauseForbidden:
		return false
	}
	now := time.Now()
	if i.refusedSince.IsZero() {
		i.refusedSince = now
	}
	return now.Sub(i.refusedSince) < passing
}

// unanswered reports whether a request failed because no API server could be reached,
// or the one that was could not say what is there.
func unanswered(err error) bool {
	if errors.Is(err, errMoved) || errors.Is(err, errUnreadable) {
		return false
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	return status.Status().Code >= http.StatusInternalServerError || apierrors.IsTooManyRequests(err)
}
