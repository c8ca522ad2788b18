package observe_test

import (
	"maps"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// testOwnWrites: an own write of any kind is waited for, and announces nobody else.
func testOwnWrites(t *testing.T, c *cluster, o *told) {
	before := o.rest(t, c)
	write := o.BeginChange("networking.k8s.io/v1", "Ingress", "served", "web")
	version := c.annotate(t, "served", "web", "nginx.ingress.kubernetes.io/force-ssl-redirect", "true")
	write.Done(version)
	eventually(t, "our own write", func() bool { return o.Reached(map[string]string{"ingresses": version}) })
	c.fence(t, o, "fence")
	annotations := o.snapshot(t, "served").Ingresses[0].Annotations
	if annotations["nginx.ingress.kubernetes.io/force-ssl-redirect"] != "true" {
		t.Errorf("annotations: %v", annotations)
	}
	binding := `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: holdfast-guard-x}, spec: {
  policyName: holdfast-guard-x, validationActions: [Warn]}}`
	write = o.BeginChange("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "", "holdfast-guard-x")
	version = c.put(t, admission("validatingadmissionpolicybindings"), binding)
	write.Done(version)
	eventually(t, "our own write", func() bool { return o.Reached(map[string]string{"validatingadmissionpolicybindings": version}) })
	after := o.rest(t, c)
	maps.DeleteFunc(after, func(scope string, n int) bool { return n == before[scope] })
	if len(after) > 0 {
		t.Errorf("own writes announced %v", after)
	}
	o.BeginChange("example.com/v1", "Unheard", "served", "of").Done("")
	if _, err := o.Snapshot("served"); err != nil {
		t.Errorf("after a write of a kind that is not observed: %v", err)
	}
	o.NoteChange("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "", "holdfast-guard-x", "")
	_, err := o.Snapshot(control.Cluster)
	want := "the outcome of an own write of ValidatingAdmissionPolicyBinding /holdfast-guard-x is unknown"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	o.NoteGone("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "", "holdfast-guard-x")
	c.drop(t, admission("validatingadmissionpolicybindings"), "", "holdfast-guard-x")
	eventually(t, "the binding to be gone", func() bool { _, err := o.Snapshot(control.Cluster); return err == nil })
}
