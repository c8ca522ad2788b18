package observe

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestServedIsAnnounced: a namespace that was read while an optional kind was
// served and not listed is announced when that is over, whatever the list holds.
func TestServedIsAnnounced(t *testing.T) {
	const id = "gateways." + gatewayGroup
	served := &servedItem{versions: []string{"v1"}}
	tests := map[string]func(t *testing.T, w *servedWorld){
		"listed": func(t *testing.T, w *servedWorld) {
			w.watch(t)
			w.kinds[id].replace(nil, "2")
		},
		"served no more before it was watched": func(t *testing.T, w *servedWorld) {
			w.serve(id, nil)
			w.watch(t)
		},
		"served no more before it was listed": func(t *testing.T, w *servedWorld) {
			w.watch(t)
			w.serve(id, nil)
			w.watch(t)
		},
	}
	for name, act := range tests {
		t.Run(name, func(t *testing.T) {
			w := newServedWorld(t)
			if reason := w.unavailable(t); reason != "" || len(w.told) == 0 {
				t.Fatalf("at first entrances are unavailable (%q), and announced is %v", reason, w.told)
			}
			w.serve(id, served)
			if got := w.unavailable(t); got != control.ReasonInconclusive {
				t.Errorf("before the first list entrances are unavailable for %q, want %q", got, control.ReasonInconclusive)
			}
			w.told = nil
			act(t, w)
			if diff := cmp.Diff([]Trigger{{Namespace: "shop", Initial: true}}, w.told); diff != "" {
				t.Errorf("announced (-want +got):\n%s", diff)
			}
			if reason := w.unavailable(t); reason != "" {
				t.Errorf("in the end entrances are unavailable: %s", reason)
			}
		})
	}
}

// servedWorld is an observer that knows a namespace, and watches nothing.
type servedWorld struct {
	*Observer
	told    []Trigger
	running map[string]*watched
}

func newServedWorld(t *testing.T) *servedWorld {
	t.Helper()
	w := &servedWorld{running: map[string]*watched{}}
	o, err := New(Options{
		Config: &rest.Config{Host: "127.0.0.1:0"}, FieldManager: "test",
		OnScope: func(trigger Trigger) { w.told = append(w.told, trigger) },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Observer = o
	for id, k := range o.kinds {
		var items []any
		if id == string(control.NeedNamespaces) {
			items = []any{&namespaceItem{Namespace: &control.Namespace{Name: "shop"}}}
		}
		k.replace(items, "1")
	}
	return w
}

// serve has a definition say that a kind is served, or no more.
func (w *servedWorld) serve(id string, item *servedItem) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.store.serve(object{kind: kindDefinitions, name: id}, item)
	w.drain()
}

// watch watches what is served, as far as an observer that has ended does.
func (w *servedWorld) watch(t *testing.T) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.watchThose(ended, w.running); err != nil {
		t.Fatal(err)
	}
}

func (w *servedWorld) unavailable(t *testing.T) string {
	t.Helper()
	snapshot, err := w.Snapshot("shop")
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.Unavailable[control.NeedEntrances]
}
