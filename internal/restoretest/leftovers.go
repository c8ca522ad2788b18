package restoretest

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// leftovers are what tests left in the cluster: those of processes that ended in the
// middle of one, and those that could not be removed.
type leftovers struct {
	// due is when they are looked for next: the zero time at first, and then only
	// while there are some.
	due time.Time
	// underWay is whether some of them are about to go: no test is begun before.
	underWay bool
	// held are the namespaces of which a test left a volume that is in use elsewhere:
	// they are not tested before a person has seen to it.
	held map[string]bool
	// failed counts the times in a row that something was left.
	failed int
	// alarmed are the namespaces of tests that people were told of.
	alarmed map[string]bool
}

// never is when leftovers are looked for while there are none.
const never = 1000000 * time.Hour

// clear removes what tests left, as far as it may be.
func (t *Tester) clear(ctx context.Context) {
	now := t.options.Now()
	l := &t.leftovers
	l.held, l.underWay, l.due = map[string]bool{}, false, now.Add(never)
	var all corev1.NamespaceList
	err := t.api.List(ctx, &all, client.HasLabels{control.RestoreTestLabel}, client.MatchingLabels{control.ClusterLabel: t.options.ClusterUID})
	if err != nil {
		if ctx.Err() == nil {
			t.options.Log.Error(err, "What restore tests left cannot be looked for")
		}
		l.note(now, t.pace, end{underWay: true})
		return
	}
	before := l.failed
	for i := range all.Items {
		if !t.oursOfTest(&all.Items[i]) {
			continue
		}
		l.failed = before // several that are left count as one failure
		t.noteEnd(all.Items[i].Name, t.removeTest(ctx, &all.Items[i]))
	}
	if !l.underWay && len(l.held) == 0 {
		l.failed = 0
	}
}

// noteEnd takes note of what became of what a test made, and tells people, once, where
// they have to act.
func (t *Tester) noteEnd(namespace string, e end) {
	l := &t.leftovers
	l.note(t.options.Now(), t.pace, e)
	if !e.shared || l.alarmed[namespace] {
		return
	}
	if l.alarmed == nil {
		l.alarmed = map[string]bool{}
	}
	l.alarmed[namespace] = true
	t.options.Log.Info("A restore attached a volume that is in use elsewhere, and a person has to see to it", "namespace", e.source, "left", e.left)
	t.options.Alarm(e.source, reasonVolumeShared, e.left)
}

// reasonVolumeShared is the reason of the event.
const reasonVolumeShared = "VolumeShared"

// note takes note of what became of what a test made.
func (l *leftovers) note(now time.Time, pace Pace, e end) {
	if !e.underWay && !e.shared {
		return
	}
	if e.shared {
		if l.held == nil {
			l.held = map[string]bool{}
		}
		l.held[e.source] = true
	}
	l.underWay = l.underWay || e.underWay
	l.due = now.Add(pace.retryAfter(l.failed))
	l.failed++
}
