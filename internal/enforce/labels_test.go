package enforce

import (
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestDifferenceOfAnObjectThatItsControllerWritesTo: what the controller writes is no
// difference, and labels are, where the change names them.
func TestDifferenceOfAnObjectThatItsControllerWritesTo(t *testing.T) {
	change := control.Change{
		Kind: "Schedule", Spec: map[string]any{"paused": false}, Unowned: []string{"skipImmediately"},
		Labels: map[string]string{control.ClusterLabel: "this"},
	}
	cases := map[string]struct{ live, want string }{
		"as wanted":             {`{"metadata":{"labels":{"holdfast.dev/cluster":"this","other":"kept"}},"spec":{"paused":false}}`, ""},
		"with what is its own":  {`{"metadata":{"labels":{"holdfast.dev/cluster":"this"}},"spec":{"paused":false,"skipImmediately":true}}`, ""},
		"with something else":   {`{"metadata":{"labels":{"holdfast.dev/cluster":"this"}},"spec":{"paused":false,"skip":true}}`, "spec.skip: set, but not wanted"},
		"with another label":    {`{"metadata":{"labels":{"holdfast.dev/cluster":"that"}},"spec":{"paused":false}}`, "metadata.labels.holdfast.dev/cluster: not the wanted value"},
		"without the label":     {`{"spec":{"paused":false}}`, "metadata.labels.holdfast.dev/cluster: not the wanted value"},
		"neither spec nor more": {`{}`, "spec: wanted, but not set"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			live, err := decode([]byte(tc.live))
			if err != nil {
				t.Fatal(err)
			}
			got, err := live.difference(change)
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestLabelsAreApplied with the rest of an object.
func TestLabelsAreApplied(t *testing.T) {
	body, err := encode(control.Change{Kind: "Backup", Name: "a", Labels: map[string]string{"a": "b"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
	}
	if err := utiljson.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	if sent.Metadata.Labels["a"] != "b" {
		t.Errorf("sent %s", body)
	}
}
