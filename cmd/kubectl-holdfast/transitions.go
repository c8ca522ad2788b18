package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// transition is something that happened to a subject or to a policy.
type transition struct {
	At   metav1.MicroTime `json:"at"`
	Kind string           `json:"kind"`
	// Control is the policy, with the control where it is about one.
	Control string `json:"control,omitempty"`
	Subject string `json:"subject,omitempty"`
	// Message is what happened, in words.
	Message string `json:"message,omitempty"`
	// Seq is the entry's number in the ledger; an event has none.
	Seq *uint64 `json:"seq,omitempty"`
}

// eventTransitions are those of the newest events about policies that are wanted,
// oldest first. Events are a
// courtesy: where they cannot be read, the source says so, and nothing fails.
func eventTransitions(ctx context.Context, c *cluster, last int, wanted func(*transition) bool) (newest []transition, source string) {
	var list eventsv1.EventList
	// Events about what has no namespace are kept in the namespace default.
	err := c.List(ctx, &list, client.InNamespace(metav1.NamespaceDefault), client.MatchingFields{"regarding.kind": "ControlPolicy"})
	if apierrors.IsForbidden(err) {
		return []transition{}, "not the events about them: you may not list events.events.k8s.io in the namespace default"
	}
	if err != nil {
		return []transition{}, fmt.Sprintf("not the events about them: %v", err)
	}
	newest = []transition{}
	for i := range list.Items {
		if t := eventTransition(&list.Items[i]); wanted(&t) {
			newest = append(newest, t)
		}
	}
	slices.SortStableFunc(newest, func(a, b transition) int { return a.At.Compare(b.At.Time) })
	newest = newest[max(0, len(newest)-last):]
	return newest, "the events about them that the API server still keeps (--ledger reads the record itself)"
}

// policy is the name of the policy.
func (t *transition) policy() string {
	name, _, _ := strings.Cut(t.Control, "/")
	return name
}

func eventTransition(e *eventsv1.Event) transition {
	t := transition{At: e.EventTime, Kind: e.Reason, Control: e.Regarding.Name, Message: e.Note}
	if e.Series != nil {
		t.At = e.Series.LastObservedTime
		t.Message += fmt.Sprintf(" (%d times)", e.Series.Count)
	}
	if t.At.IsZero() {
		t.At = metav1.NewMicroTime(e.CreationTimestamp.Time)
	}
	if e.Related != nil {
		t.Subject = control.Subject{Kind: e.Related.Kind, Namespace: e.Related.Namespace, Name: e.Related.Name}.String()
	}
	// The operator puts the control's id before what it says.
	if id, text, found := strings.Cut(t.Message, ": "); found && !strings.Contains(id, " ") {
		t.Control, t.Message = t.Control+"/"+id, strings.TrimPrefix(text, t.Subject+" ")
	}
	return t
}

// ledgerTransitions are those of the newest entries about policies, oldest first,
// with gaps, which are about all of them.
func ledgerTransitions(ctx context.Context, dir string, last int, now time.Time, about func(string) bool) ([]transition, string, error) {
	newest, err := newestEntries(ctx, dir, last, now, func(e *ledger.Entry) bool {
		switch {
		case e.Policy != nil:
			return about(e.Policy.Name)
		default:
			return e.Kind == ledger.KindGap || e.Kind == ledger.KindEvidenceLost
		}
	})
	if err != nil {
		return nil, "", fmt.Errorf("read the ledger in %s: %w", dir, err)
	}
	return newest, "the ledger in " + dir, nil
}

// windows are how far back the newest entries are looked for, one after the
// other: a ledger may hold millions. The last one is all of it.
func windows() []time.Duration {
	return []time.Duration{time.Hour, 24 * time.Hour, 30 * 24 * time.Hour, 0}
}

// newestEntries returns the newest entries of a ledger that are wanted, oldest first.
func newestEntries(ctx context.Context, dir string, last int, now time.Time, wanted func(*ledger.Entry) bool) ([]transition, error) {
	var newest []transition
	for _, window := range windows() {
		newest = []transition{}
		opts := ledger.ReadOptions{}
		if window > 0 {
			opts.Since = now.Add(-window)
		}
		begun := episodes{}
		err := ledger.Read(ctx, dir, opts, func(seq uint64, data []byte) error {
			e, err := ledger.Decode(data)
			if err != nil && !errors.Is(err, ledger.ErrUnknownCritical) {
				return fmt.Errorf("entry %d: %w", seq, err)
			}
			lasted := begun.add(e)
			if wanted(e) {
				newest = append(newest, entryTransition(e, lasted))
			}
			// Twice as many are kept as are wanted, so that they are moved rarely.
			if len(newest) >= 2*max(last, blockLines) {
				newest = slices.Delete(newest, 0, len(newest)-last)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(newest) >= last {
			break
		}
	}
	slices.SortStableFunc(newest, func(a, b transition) int { return cmp.Compare(*a.Seq, *b.Seq) })
	return newest[max(0, len(newest)-last):], nil
}

func entryTransition(e *ledger.Entry, lasted time.Duration) transition {
	return transition{At: metav1.NewMicroTime(e.ObservedAt.Time), Kind: string(e.Kind), Control: whose(e), Subject: subject(e),
		Message: statement(e, lasted), Seq: new(e.Seq)}
}
