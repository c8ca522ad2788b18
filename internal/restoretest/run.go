package restoretest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
)

// idLength is that of the id of a test: 50 random bits.
const idLength = 10

// run is one test of one namespace.
type run struct {
	*Tester
	job
	id string
	// namespace is that of the test, and requested when its Restore was.
	namespace *corev1.Namespace
	requested time.Time
	restored  control.Restored
}

// test tests a namespace, and has what it saw recorded. What is cut short by our own
// end is nothing seen.
func (t *Tester) test(ctx context.Context, j *job) {
	killpoint.Hit(killpoint.RestoreDue)
	began := t.options.Now()
	r := t.newRun(j)
	err := r.do(ctx)
	if r.namespace != nil && ctx.Err() == nil {
		r.cleanUp(ctx)
	}
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, errRewritten):
		t.put(j, began, began)
	case err != nil:
		t.nothingSeen(&j.order, began, err)
		t.postpone(j)
	default:
		seen := j.observation(t.options.Now())
		seen.Restored = &r.restored
		t.keep(&j.order, began, &seen)
		killpoint.Hit(killpoint.RestoreRecorded)
		t.rewriteAfter(ctx, j)
		t.put(j, seen.At.Add(retest(j.every, !good(&seen))), t.options.Now())
	}
}

// rewriteAfter has the sentinel written anew after a test.
func (t *Tester) rewriteAfter(ctx context.Context, j *job) {
	if err := t.rewrite(ctx, &j.target); err != nil && ctx.Err() == nil {
		t.options.Log.Error(err, "The sentinel of restore tests is not written anew", "namespace", j.scope)
	}
}

// put says when the next test is due, and when the sentinel is looked at, which is not
// the one any more that was there.
func (t *Tester) put(j *job, testAt, tendAt time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.wishes[j.scope][j.key]; w != nil {
		w.testAt, w.tendAt, w.sentinel, w.failed = testAt, tendAt, nil, 0
	}
}

// postpone has a test that could not be made tried again a little later.
func (t *Tester) postpone(j *job) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.wishes[j.scope][j.key]; w != nil {
		w.testAt = t.options.Now().Add(t.pace.retryAfter(w.failed))
		w.failed++
	}
}

func (t *Tester) newRun(j *job) *run {
	r := &run{Tester: t, job: *j, id: strings.ToLower(rand.Text()[:idLength])}
	r.restored = control.Restored{Test: r.id, Backup: j.candidate.Name, BackupUID: j.candidate.UID, BackupAt: j.candidate.StartedAt.UTC()}
	return r
}

// do does the test, up to the comparison. An error is why there was none.
func (r *run) do(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.verify, r.prepare, r.request, r.finish, r.compare} {
		if err := step(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// errRewritten says that the sentinel is not the one that the backup holds.
var errRewritten = errors.New("the sentinel was written anew")

// verify sees to it that the sentinel is still the one that was there when the backup
// was begun.
func (r *run) verify(ctx context.Context) error {
	found, err := r.ensure(ctx, &r.order)
	if err == nil && (found == nil || found.uid != r.sentinel.uid) {
		err = errRewritten
	}
	return err
}

// left is how much of the time that the restore may take is left.
func (r *run) left() time.Duration {
	return max(r.pace.Poll, r.target.Timeout-r.options.Now().Sub(r.requested))
}

// cleanUp removes what the test made, as far as it may be.
func (r *run) cleanUp(ctx context.Context) {
	killpoint.Hit(killpoint.RestoreCompared)
	e := r.removeTest(ctx, r.namespace)
	killpoint.Hit(killpoint.RestoreRemoved)
	r.restored.Left, r.restored.VolumeShared = e.left, e.shared
	if ctx.Err() == nil {
		r.noteEnd(r.namespace.Name, e)
	}
}
