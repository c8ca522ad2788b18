package assess

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// everything is a snapshot with something in each field.
func everything() *control.Snapshot {
	return &control.Snapshot{
		Namespace: production("a"),
		NetworkPolicies: []control.NetworkPolicy{{Name: "deny", Ours: true, Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}}}},
		Pods:              []control.PodClass{{Labels: map[string]string{"app": "web"}}},
		Services:          []control.Service{{Name: "web"}},
		Entrances:         []control.Entrance{{Kind: "Ingress", Name: "web"}},
		Peers:             control.Peers{Namespaces: map[string]bool{"{}": true}},
		Lifelines:         &control.Lifelines{},
		AdmissionBackends: []control.AdmissionBackend{{}},
		ClusterPolicies:   []control.ClusterPolicy{{}},
		Unmodelled:        []control.ObjectRef{{}},
		StorageClasses:    []control.StorageClass{{Provisioner: "ebs.csi.aws.com"}},
		APIServerPods:     []control.APIServerPod{{Name: "kube-apiserver-a", Flags: map[string]string{"anonymous-auth": "false"}}},
		Guards:            []control.GuardObject{{Kind: "ValidatingAdmissionPolicy", Spec: map[string]any{"failurePolicy": "Fail"}}},
		Volumes:           []control.Volume{{Claim: "data", Class: &control.StorageClass{Default: true}}},
		Ingresses:         []control.Ingress{{Hosts: []string{"a.example.com"}}},
		Gateways:          []control.Gateway{{Kind: "Gateway", Listeners: []control.GatewayListener{{Name: "web", Port: 443}}}},
		GatewayRoutes:     []control.GatewayRoute{{Kind: "HTTPRoute", Parents: []control.RouteParent{{Kind: "Gateway", Name: "web"}}}},
		Workloads:         []control.Workload{{Kind: "Deployment", Name: "web"}},
		Mesh:              &control.Mesh{Served: []string{"Istio"}, Authentications: []control.PeerAuthentication{{PortModes: map[int32]string{80: "DISABLE"}}}},
		Certificates:      []control.Certificate{{Secret: "web", NotAfter: noon}},
		Claims:            []control.Claim{{Bound: true, Volume: "pv-1", Labels: map[string]string{"app": "web"}}},
		Backups: []control.Backup{{Plan: "nightly", Cluster: control.BackupOfThisCluster, Phase: "Completed", StartedAt: noon, TTL: time.Hour,
			Filters: &control.BackupFilters{IncludedNamespaces: []string{"*"}, SnapshotVolumes: new(true)},
			Volumes: []control.BackedUpVolume{{ClaimUID: "u", Method: "FileSystem", Bytes: 1}}}},
		BackupPlans:     []control.BackupPlan{{Spec: map[string]any{"schedule": "0 * * * *", "paused": false}, Phase: "Enabled"}},
		BackupLocations: []control.BackupLocation{{Provider: "aws", Config: map[string]string{"region": "eu"}, Every: new(time.Minute), ValidatedAt: noon}},
		VolumeSnapshots: []control.VolumeSnapshot{{Claim: "data", Ready: true, TakenAt: noon}},
		NotServed:       []string{"certificates.cert-manager.io"},
		Observations: []control.Observation{{Target: control.Target{Canary: &control.CanaryTarget{Endpoint: "10.0.0.1:6443", Resource: "secrets"}},
			At: noon, ValidUntil: noon.Add(time.Hour), Stored: &control.Stored{Prefixes: map[string]int{"k8s:enc:aesgcm:v1:": 1}}}},
		Unavailable: map[control.Need]string{control.NeedPods: control.ReasonForbidden},
	}
}

// TestE19InputsAreRestored: the parts of a snapshot make it again, whatever is in
// it, and the same evaluator finds the same.
func TestE19InputsAreRestored(t *testing.T) {
	d := defined(t, policy("p"))
	for name, want := range map[string]*control.Snapshot{"everything": everything(), "nothing": {Namespace: production("a"), NetworkPolicies: []control.NetworkPolicy{}}} {
		t.Run(name, func(t *testing.T) {
			parts, err := new(Encoder).Parts(want)
			if err != nil {
				t.Fatal(err)
			}
			got := &control.Snapshot{}
			for _, part := range parts {
				if err := RestorePart(got, part.Role, part.Data); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("snapshot (-want +got):\n%s", diff)
			}
			r, err := RestoreControl(d.Controls[0].Object.Data)
			if err != nil {
				t.Fatal(err)
			}
			before, again := Judge(d, want, noon), r.Judge(got, noon)
			if len(again) != 1 || again[0].Def.Name != "p" || !r.Comparable() {
				t.Fatalf("got %+v", again)
			}
			if diff := cmp.Diff(before[0].Findings, again[0].Findings); diff != "" {
				t.Errorf("findings (-before +again):\n%s", diff)
			}
		})
	}
}

// TestE19EverythingIsEverything: no field of a snapshot is left out of the test above.
func TestE19EverythingIsEverything(t *testing.T) {
	all := reflect.ValueOf(everything()).Elem()
	for i := range all.NumField() {
		if name := all.Type().Field(i).Name; all.Field(i).IsZero() && name != "Versions" {
			t.Errorf("%s is empty", name)
		}
	}
}

// TestE19EveryFieldHasARole: a field that is added to the snapshot is restored.
func TestE19EveryFieldHasARole(t *testing.T) {
	for field := range reflect.TypeFor[control.Snapshot]().Fields() {
		role, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if role == "-" {
			continue
		}
		if _, stated := needsOf[role]; !stated {
			t.Errorf("nothing says which controls look at %s", role)
		}
		if err := RestorePart(&control.Snapshot{}, role, []byte("null")); err != nil {
			t.Error(err)
		}
	}
}

// TestE19TheScopeIsRestored, where an evaluator looks at it.
func TestE19TheScopeIsRestored(t *testing.T) {
	d := defined(t, policy("p", encrypting, withCluster))
	r, err := RestoreControl(d.Controls[0].Object.Data)
	if err != nil {
		t.Fatal(err)
	}
	want := &v1alpha1.Scope{NamespaceSelector: d.Spec.Scope.NamespaceSelector, Cluster: v1alpha1.ClusterIncluded}
	if diff := cmp.Diff(want, r.Control.Scope); diff != "" {
		t.Errorf("scope (-want +got):\n%s", diff)
	}
	r.Control.Kind = typ{evaluate: func(in control.Input) []control.Finding {
		return []control.Finding{{Rule: string(in.Scope.Cluster), Outcome: control.Conforming}}
	}}
	if got := r.Judge(&control.Snapshot{Namespace: cluster()}, noon); len(got) != 1 || got[0].Findings[0].Rule != "Included" {
		t.Errorf("judged again: %+v", got)
	}
}

// TestE19TheBackupControlIsRestored that a control of type restoreTest names, and
// that another one names too.
func TestE19TheBackupControlIsRestored(t *testing.T) {
	d := defined(t, policy("p", backedUp("0 * * * *", "Etc/UTC"), func(p *v1alpha1.ControlPolicy) {
		p.Spec.Controls = append(p.Spec.Controls, v1alpha1.ControlSpec{ID: "BCK-2", RestoreTest: &v1alpha1.RestoreTest{BackupControl: "NET-1"}})
	}))
	r, err := RestoreControl(d.Controls[1].Object.Data)
	if err != nil {
		t.Fatal(err)
	}
	r.Control.Kind = typ{evaluate: func(in control.Input) []control.Finding {
		return []control.Finding{{Rule: in.Backup.Backup.Schedule, Outcome: control.Conforming}}
	}}
	if got := r.Judge(&control.Snapshot{Namespace: production("a")}, noon); len(got) != 1 || got[0].Findings[0].Rule != "0 * * * *" {
		t.Errorf("judged again: %+v", got)
	}
	if alone := d.Controls[0].Backup; alone != nil {
		t.Errorf("the backup control has a backup control: %+v", alone)
	}
}

func TestInputsThatCannotBeRestored(t *testing.T) {
	for want, err := range map[string]error{
		`the role "dreams"`:                    RestorePart(&control.Snapshot{}, "dreams", []byte("[]")),
		`input pods: json: unknown field`:      RestorePart(&control.Snapshot{}, "pods", []byte(`[{"mood":"good"}]`)),
		`definition: no control type`:          restoreError(t, map[string]any{"policy": "p", "control": map[string]any{"id": "X"}}),
		`definition: json: unknown field "by"`: restoreError(t, map[string]any{"by": "p"}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	newer := defined(t, policy("p")).Controls[0].Object.Data
	newer = []byte(strings.Replace(string(newer), `"evaluatorVersion":`, `"evaluatorVersion":9`, 1))
	if r, err := RestoreControl(newer); err != nil || r.Comparable() {
		t.Errorf("an evaluator of a later version is taken for this one (%v)", err)
	}
}

func restoreError(t *testing.T, definition any) error {
	t.Helper()
	data, err := json.Marshal(definition)
	if err != nil {
		t.Fatal(err)
	}
	_, err = RestoreControl(data)
	return err
}
