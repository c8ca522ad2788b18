package assess

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// policy returns a valid policy over namespaces labelled tier=production.
func policy(name string, edits ...func(*v1alpha1.ControlPolicy)) *v1alpha1.ControlPolicy {
	p := &v1alpha1.ControlPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-of-policy", Generation: 1},
		Spec: v1alpha1.ControlPolicySpec{
			Mode:  v1alpha1.ModeEnforce,
			Scope: v1alpha1.Scope{NamespaceSelector: metav1.LabelSelector{MatchLabels: map[string]string{"tier": "production"}}},
			Controls: []v1alpha1.ControlSpec{{
				ID: "NET-1", Priority: v1alpha1.PriorityMedium,
				NetworkIsolation: &v1alpha1.NetworkIsolation{DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress}},
			}},
		},
	}
	for _, edit := range edits {
		edit(p)
	}
	return p
}

// encrypting states a control whose subjects are objects.
func encrypting(p *v1alpha1.ControlPolicy) {
	p.Spec.Controls[0].NetworkIsolation, p.Spec.Controls[0].EncryptionAtRest = nil, &v1alpha1.EncryptionAtRest{}
}

// withCluster has the cluster in scope.
func withCluster(p *v1alpha1.ControlPolicy) { p.Spec.Scope.Cluster = v1alpha1.ClusterIncluded }

// cluster stands for the cluster itself.
func cluster() control.Namespace {
	return control.ClusterNamespace("kube-system", noon.Add(-time.Hour))
}

// paused holds back the policy's repairs.
func paused(until time.Time) func(*v1alpha1.ControlPolicy) {
	return func(p *v1alpha1.ControlPolicy) {
		p.Spec.Enforcement = &v1alpha1.Enforcement{Pause: &v1alpha1.Pause{Reason: "CHG-1", Until: metav1.Time{Time: until}}}
	}
}

func defined(t *testing.T, p *v1alpha1.ControlPolicy) *Definition {
	t.Helper()
	d, err := Define(p)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// production is a namespace in the scope of policy.
func production(name string) control.Namespace {
	return control.Namespace{Name: name, UID: "uid-" + name, Labels: map[string]string{"tier": "production"}, CreatedAt: noon.Add(-time.Hour)}
}

func within(d time.Duration) *v1alpha1.Tolerance {
	return &v1alpha1.Tolerance{CorrectionWithin: &metav1.Duration{Duration: d}}
}

// typ is a control type made of functions.
type typ struct {
	evaluate func(control.Input) []control.Finding
}

func (typ) Needs(v1alpha1.ControlSpec) []control.Need {
	return []control.Need{control.NeedNamespaces, control.NeedNetworkPolicies}
}
func (typ) EvaluatorVersion() int                         { return 7 }
func (c typ) Evaluate(in control.Input) []control.Finding { return c.evaluate(in) }

// remediator is a control type that repairs.
type remediator struct {
	typ
	wants func(control.Input) ([]control.Change, error)
}

func (r remediator) Wants(in control.Input) ([]control.Change, error) { return r.wants(in) }
