package collect_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/collect"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// encryption has the policy judge StorageClasses and Ingresses in the stead of
// namespaces.
func encryption(p *v1alpha1.ControlPolicy) {
	p.Spec.Scope.Cluster = v1alpha1.ClusterIncluded
	p.Spec.Controls = []v1alpha1.ControlSpec{
		{ID: "ENC-1", EncryptionAtRest: &v1alpha1.EncryptionAtRest{Volumes: &v1alpha1.VolumeEncryption{MinimumLevel: v1alpha1.EncryptionProviderManaged}}},
		{ID: "ENC-2", EncryptionInTransit: &v1alpha1.EncryptionInTransit{Ingress: &v1alpha1.IngressEncryption{
			MinimumTLSVersion: v1alpha1.TLS12, ExpiryThreshold: &metav1.Duration{Duration: time.Hour}, Certificates: "Ignore"}}},
	}
}

// probing has the policy want the API server probed.
func probing(p *v1alpha1.ControlPolicy) {
	encryption(p)
	p.Spec.Controls[1].EncryptionInTransit = &v1alpha1.EncryptionInTransit{APIServer: &v1alpha1.APIServerTLS{MinimumTLSVersion: v1alpha1.TLS12,
		Every: &metav1.Duration{Duration: time.Minute}}}
}

// serve creates an Ingress of a host without TLS.
func (c *cluster) serve(tb testing.TB, namespace, name string) {
	tb.Helper()
	path := networkingv1.PathTypePrefix
	_, err := c.NetworkingV1().Ingresses(namespace).Create(tb.Context(), &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: name + ".example.com", IngressRuleValue: networkingv1.IngressRuleValue{
			HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &path, Backend: networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: name, Port: networkingv1.ServiceBackendPort{Number: 80}}}}}}}}}}}, metav1.CreateOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.NetworkingV1().Ingresses(namespace).Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			tb.Error(err)
		}
	})
}

func (c *cluster) class(tb testing.TB, name string) {
	tb.Helper()
	_, err := c.StorageV1().StorageClasses().Create(tb.Context(), &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name},
		Provisioner: "ebs.csi.aws.com", Parameters: map[string]string{"encrypted": "false"}}, metav1.CreateOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.StorageV1().StorageClasses().Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			tb.Error(err)
		}
	})
}

// settledUnits waits until so many units of both controls are recorded.
func (w *world) settledUnits(want int) {
	w.tb.Helper()
	w.eventually("the units to be recorded", func() bool {
		units := 0
		w.recorder.View(func(k *ledger.Known) {
			for _, id := range []string{"ENC-1", "ENC-2"} {
				if t := k.Tally("baseline", id); t != nil {
					units += t.Conforming + t.NotApplicable + len(t.NotEvaluated) + len(t.Open)
				}
			}
		})
		return units == want
	})
}

// testObjects: the census counts every object of the kinds that are judged, in
// scope, excluded or not selected, and the chunks name each.
func testObjects(t *testing.T, c *cluster) {
	c.class(t, "gold")
	c.serve(t, "deviating", "shop")
	c.serve(t, "conforming", "web")
	c.serve(t, "legacy", "old")
	c.serve(t, "test", "trial")
	w := newWorld(t, c, baseline(encryption))
	w.settledUnits(4) // the cluster, the class and two Ingresses
	r := w.collect()
	complete(t, r, ledger.CollectionCompleted)
	kinds := map[string]ledger.Census{}
	for _, mc := range r.Manifest.Policies[0].Controls {
		if mc.Census.Total != mc.Census.Sum() {
			t.Errorf("%s: the census has %d units, and accounts for %d", mc.ID, mc.Census.Total, mc.Census.Sum())
		}
		for _, k := range mc.Kinds {
			kinds[mc.ID+" "+k.Kind] = k.Census
		}
	}
	want := map[string]ledger.Census{
		"ENC-1 Cluster": {Total: 1, Deviating: 1}, "ENC-1 StorageClass": {Total: 1, Deviating: 1},
		"ENC-2 Ingress": {Total: 5, Deviating: 2, Excluded: 1, NotSelected: 2}, // with that of the pulse
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	outside := map[string]string{}
	scopes := w.scopes(r.Manifest)
	if first := scopes[0]; first.Subject.Kind != control.ClusterKind || first.Standings[0].Disposition != "InScope" || len(first.Units) != 2 || first.Units[1].Entered == nil {
		t.Errorf("the cluster is %+v", first)
	}
	for _, s := range scopes {
		for _, o := range s.Outside {
			for _, subject := range o.Subjects {
				outside[o.Control+" "+subject.String()] = s.Standings[0].Disposition
			}
		}
	}
	if diff := cmp.Diff(map[string]string{"ENC-2 Ingress legacy/old": "Excluded", "ENC-2 Ingress test/trial": "NotSelected",
		"ENC-2 Ingress pulse/pulse.example.com": "NotSelected"}, outside); diff != "" {
		t.Errorf("outside (-want +got):\n%s", diff)
	}
	w.verified()
}

// testMissedObjects: an Ingress that came, and one that went, without being seen.
func testMissedObjects(t *testing.T, c *cluster) {
	c.serve(t, "conforming", "web")
	w := newWorld(t, c, baseline(encryption))
	w.settledUnits(2)
	w.engine.hear("deviating", false)
	c.serve(t, "deviating", "shop")
	ghost := ledger.Unit{Policy: "baseline", Control: "ENC-2", Subject: control.Subject{Group: "networking.k8s.io", Kind: "Ingress",
		Namespace: "conforming", Name: "ghost", UID: "uid-of-ghost"}}
	w.engine.hear("conforming", false)
	now := time.Now()
	drafts := []ledger.Draft{judged(w.def, ledger.KindSubjectAdded, ghost, now), w.state(ghost.Subject, control.Conforming)}
	enc2, _ := w.def.Control("ENC-2")
	drafts[1].Control, drafts[1].Policy = "ENC-2", w.def.Ref(enc2)
	w.recorder.Record(drafts...)
	r := w.collect()
	complete(t, r, ledger.CollectionCompleted)
	got := map[string]string{}
	for _, e := range w.entries(ledger.KindDiscrepancy) {
		got[e.Subject.String()] = e.Reason
	}
	want := map[string]string{"Ingress conforming/ghost": collect.ReasonNotInScope, "Ingress deviating/shop": collect.ReasonNotRecorded}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("discrepancies (-want +got):\n%s", diff)
	}
	w.verified()
}

// testProbesAwaited: what a probe is to show is stated as not evaluated until one was
// made, and the collection says so.
func testProbesAwaited(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline(probing))
	w.settledUnits(2)
	r := w.collect(func(o *collect.Options, _ *collect.Request) {
		o.Probed = func(scope string) ([]control.Observation, bool) { return nil, scope == control.Cluster }
		o.Patience = time.Second
	})
	complete(t, r, ledger.CollectionPartial)
	if r.Entry.Reason != collect.ReasonProbesAwaited {
		t.Errorf("got %s: %s", r.Entry.Reason, r.Entry.Message)
	}
	i := slices.IndexFunc(r.Manifest.Policies[0].Controls, func(c ledger.ManifestControl) bool { return c.ID == "ENC-2" })
	if diff := cmp.Diff(ledger.Census{Total: 1, NotEvaluated: 1}, r.Manifest.Policies[0].Controls[i].Census); diff != "" {
		t.Errorf("census (-want +got):\n%s", diff)
	}
	w.verified()
}
