package observe

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestFirstListOfAnOptionalKind: a namespace that was read while an optional kind
// was served and not listed yet is announced when it is, whatever the list holds.
func TestFirstListOfAnOptionalKind(t *testing.T) {
	var told []Trigger
	o, err := New(Options{
		Config: &rest.Config{Host: "127.0.0.1:0"}, FieldManager: "test",
		OnScope: func(trigger Trigger) { told = append(told, trigger) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, k := range o.kinds {
		var items []any
		if id == string(control.NeedNamespaces) {
			items = []any{&control.Namespace{Name: "shop"}}
		}
		k.replace(items, "1")
	}
	unavailable := func() string {
		snapshot, err := o.Snapshot("shop")
		if err != nil {
			t.Fatal(err)
		}
		return snapshot.Unavailable[control.NeedEntrances]
	}
	if reason := unavailable(); reason != "" || len(told) == 0 {
		t.Fatalf("at first entrances are unavailable (%q), and announced is %v", reason, told)
	}

	const id = "gateways." + gatewayGroup
	o.mu.Lock()
	o.store.serve(object{kind: kindDefinitions, name: id}, &servedItem{versions: []string{"v1"}})
	o.mu.Unlock()
	ended, cancel := context.WithCancel(t.Context())
	cancel() // what it watches is of no interest here
	if err := o.watchThose(ended, map[string]*watched{}); err != nil {
		t.Fatal(err)
	}
	if got := unavailable(); got != control.ReasonInconclusive {
		t.Errorf("before the first list entrances are unavailable for %q, want %q", got, control.ReasonInconclusive)
	}
	told = nil
	o.kinds[id].replace(nil, "2")
	if diff := cmp.Diff([]Trigger{{Namespace: "shop", Initial: true}}, told); diff != "" || unavailable() != "" {
		t.Errorf("announced after the first list (-want +got):\n%s", diff)
	}
}
