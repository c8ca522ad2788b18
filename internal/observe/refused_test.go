package observe

import (
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestPassingRefusal: a kind that was observed is not taken for forbidden because an
// API server that has just begun to serve does not know its roles yet.
func TestPassingRefusal(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("not yet"))
	type act func(k *kind, now *time.Time)
	refused := act(func(k *kind, _ *time.Time) { k.refused(forbidden) })
	opened := act(func(k *kind, _ *time.Time) { k.opened(true) })
	later := act(func(_ *kind, now *time.Time) { *now = now.Add(passing) })
	tests := map[string]struct {
		acts     []act
		unsynced bool
		wantGap  bool
	}{
		"once":                       {acts: []act{refused}},
		"for a moment":               {acts: []act{refused, refused}},
		"for long":                   {acts: []act{refused, later, refused}, wantGap: true},
		"twice, and served between":  {acts: []act{refused, opened, later, refused}},
		"served between, then again": {acts: []act{refused, opened, refused, later, refused}, wantGap: true},
		"before anything was seen":   {acts: []act{refused}, unsynced: true, wantGap: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
			w := newServedWorld(t)
			w.options.Now = func() time.Time { return now }
			k := w.kinds[string(control.NeedPods)]
			k.synced = !test.unsynced
			for _, act := range test.acts {
				act(k, &now)
			}
			if got := k.gap != nil && k.gap.cause == CauseForbidden; got != test.wantGap {
				t.Errorf("forbidden: %t, want %t", got, test.wantGap)
			}
		})
	}
}
