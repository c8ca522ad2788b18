package enforce

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestObjectsOfChangesAreFound by kind, name, and for those of other namespaces also
// by that.
func TestObjectsOfChangesAreFound(t *testing.T) {
	meta := func(uid string) control.Meta {
		return control.Meta{Name: "a", UID: uid, Identity: control.Identity{ResourceVersion: "7"}}
	}
	placed := func(uid, namespace string) control.Meta {
		m := meta(uid)
		m.Namespace = namespace
		return m
	}
	elsewhere := placed("root", control.IstioRoot)
	snapshot := &control.Snapshot{
		Namespace:       control.Namespace{Name: "web"},
		NetworkPolicies: []control.NetworkPolicy{{Name: "a", Ours: true, Identity: control.Identity{UID: "np", ResourceVersion: "7"}}},
		StorageClasses:  []control.StorageClass{{Meta: meta("class")}},
		Guards: []control.GuardObject{{Meta: meta("binding"), Kind: "ValidatingAdmissionPolicyBinding", Ours: true},
			{Meta: meta("policy"), Kind: "ValidatingAdmissionPolicy"}, {Meta: meta("allowed"), Kind: "EncryptedStorageClasses", Ours: true}},
		Ingresses:    []control.Ingress{{Meta: meta("ingress")}},
		Certificates: []control.Certificate{{Meta: meta("certificate"), Ours: true}},
		BackupPlans:  []control.BackupPlan{{Meta: placed("plan", "velero"), Ours: true}},
		Backups:      []control.Backup{{Meta: placed("elsewhere", "velero-2")}, {Meta: placed("backup", "velero")}},
		Mesh:         &control.Mesh{Authentications: []control.PeerAuthentication{{Meta: elsewhere}, {Meta: meta("peers"), Ours: true}}},
	}
	cases := map[string]struct {
		kind, namespace, wantUID string
		wantOurs                 bool
	}{
		"policy":               {networkPolicyKind, "web", "np", true},
		"class":                {"StorageClass", "", "class", false},
		"admission policy":     {"ValidatingAdmissionPolicy", "", "policy", false},
		"its binding":          {"ValidatingAdmissionPolicyBinding", "", "binding", true},
		"its parameters":       {"EncryptedStorageClasses", "", "allowed", true},
		"ingress":              {"Ingress", "web", "ingress", false},
		"certificate":          {"Certificate", "web", "certificate", true},
		"authentication":       {"PeerAuthentication", "web", "peers", true},
		"backup plan":          {"Schedule", "velero", "plan", true},
		"backup":               {"Backup", "velero", "backup", true},
		"that of another kind": {"Gateway", "web", "", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Find(snapshot, control.Change{Kind: tc.kind, Namespace: tc.namespace, Name: "a"})
			if UIDOf(got) != tc.wantUID {
				t.Fatalf("found %q, want %q", UIDOf(got), tc.wantUID)
			}
			if got != nil && (got.Ours != tc.wantOurs || got.ResourceVersion != "7") {
				t.Errorf("found %+v", got)
			}
			if other := Find(snapshot, control.Change{Kind: tc.kind, Namespace: tc.namespace, Name: "b"}); other != nil {
				t.Errorf("another name is found as %+v", other)
			}
		})
	}
	if got := Find(&control.Snapshot{}, control.Change{Kind: "PeerAuthentication", Namespace: "web", Name: "a"}); got != nil {
		t.Errorf("found %+v without a mesh", got)
	}
}
