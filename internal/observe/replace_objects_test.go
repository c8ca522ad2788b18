package observe

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestReplaceObjects is TestReplace for the objects that controls judge one by one:
// one object that changed makes those scopes due that it concerns, and no others.
func TestReplaceObjects(t *testing.T) {
	const (
		gold = `
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: gold, resourceVersion: "1"}, provisioner: x}
---
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: gone}, provisioner: x}
`
		tin     = `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: tin}, provisioner: x}`
		volumes = `
{apiVersion: v1, kind: PersistentVolume, metadata: {name: same}, spec: {storageClassName: gold, claimRef: {namespace: a}, hostPath: {path: /}}}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: moved}, spec: {claimRef: {namespace: b}, hostPath: {path: /}}}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: unbound}, spec: {hostPath: {path: /}}}
`
		web = `
{apiVersion: v1, kind: Pod, metadata: {namespace: a, name: web-1, labels: {app: web}}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: b, name: web-1, labels: {app: web}}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: c, name: web-1, labels: {app: web}}}
`
		gateways = `
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {namespace: a, name: g}, spec: {listeners: [{name: l, port: 443, protocol: TLS,
  tls: {certificateRefs: [{namespace: b, name: s}]}}]}}
`
	)
	tests := map[string]struct {
		// beside is what is there of other kinds, by id.
		beside        map[string]string
		id            string
		before, after string
		wantDue       []string
	}{
		"classes": {
			beside: map[string]string{kindVolumes: volumes}, id: kindClasses,
			before: gold, after: `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: gold, resourceVersion: "2"}, provisioner: x}`,
			wantDue: []string{control.Cluster},
		},
		"a class of volumes": {
			beside: map[string]string{kindVolumes: volumes}, id: kindClasses, before: gold + "---\n" + tin, after: tin,
			wantDue: []string{control.Cluster, "a"},
		},
		"volumes": {
			id: kindVolumes, before: volumes, wantDue: []string{"b", "c"}, after: `
{apiVersion: v1, kind: PersistentVolume, metadata: {name: same, resourceVersion: "2"}, spec: {storageClassName: gold, claimRef: {namespace: a},
  hostPath: {path: /}}}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: moved}, spec: {claimRef: {namespace: c}, hostPath: {path: /}}}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: unbound}, spec: {storageClassName: gold, hostPath: {path: /}}}
`,
		},
		"Ingresses": {
			id: kindIngresses, wantDue: []string{"b", "c"}, before: `
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: a, name: same}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: b, name: edited}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: c, name: gone}}
`, after: `
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: a, name: same, annotations: {a: b}}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: b, name: edited}, spec: {tls: [{secretName: s}]}}
`,
		},
		"workloads": {
			id: kindWorkloads, before: web, wantDue: []string{"b", "c"}, after: `
{apiVersion: v1, kind: Pod, metadata: {namespace: a, name: web-2, labels: {app: web}}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: b, name: web-1, labels: {app: web}}, spec: {containers: [{name: istio-proxy}]}}
`,
		},
		"a grant for a Gateway": {
			beside: map[string]string{"gateways." + gatewayGroup: gateways}, id: "referencegrants." + gatewayGroup, wantDue: []string{"a"}, after: `
{apiVersion: gateway.networking.k8s.io/v1beta1, kind: ReferenceGrant, metadata: {namespace: b, name: g}, spec: {to: [{kind: Secret}]}}
---
{apiVersion: gateway.networking.k8s.io/v1beta1, kind: ReferenceGrant, metadata: {namespace: c, name: g}, spec: {to: [{kind: Secret}]}}
`,
		},
		"a PeerAuthentication of the mesh": {
			id: kindAuthentications, wantDue: []string{"a", "b", "c", control.IstioRoot, "kube-system"},
			after: `{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {namespace: istio-system, name: default}}`,
		},
		"a PeerAuthentication": {
			id: kindAuthentications, wantDue: []string{"b"},
			after: `{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {namespace: b, name: own}}`,
		},
		"claims": {
			id: kindClaims, wantDue: []string{"a"},
			before: `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: c}, status: {phase: Pending}}`,
			after:  `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: c}, status: {phase: Bound}}`,
		},
		"a storage location that was validated again": {
			id: kindLocations, wantDue: []string{control.Cluster},
			before: `{apiVersion: velero.io/v1, kind: BackupStorageLocation, metadata: {namespace: a, name: l}, status: {lastValidationTime: "2026-03-01T06:00:00Z"}}`,
			after:  `{apiVersion: velero.io/v1, kind: BackupStorageLocation, metadata: {namespace: a, name: l}, status: {lastValidationTime: "2026-03-01T06:01:00Z"}}`,
		},
		"a backup that ended": {
			id: kindBackups, wantDue: []string{control.Cluster, "a", "b"},
			before: `{apiVersion: velero.io/v1, kind: Backup, metadata: {namespace: c, name: b, labels: {holdfast.dev/cluster: u}}, spec: {includedNamespaces: [a, b]}}`,
			after: `{apiVersion: velero.io/v1, kind: Backup, metadata: {namespace: c, name: b, labels: {holdfast.dev/cluster: u}}, spec: {includedNamespaces: [a, b]},
  status: {phase: Failed}}`,
		},
		"a backup that runs": {
			id: kindBackups, wantDue: []string{control.Cluster},
			before: `{apiVersion: velero.io/v1, kind: Backup, metadata: {namespace: c, name: b, labels: {holdfast.dev/cluster: u}}, spec: {includedNamespaces: [a, b]}}`,
			after: `{apiVersion: velero.io/v1, kind: Backup, metadata: {namespace: c, name: b, labels: {holdfast.dev/cluster: u}}, spec: {includedNamespaces: [b, a]},
  status: {phase: InProgress}}`,
		},
		"how far a backup got": {
			id:     kindBackups,
			before: `{apiVersion: velero.io/v1, kind: Backup, metadata: {namespace: c, name: b, labels: {holdfast.dev/cluster: u}}, status: {phase: InProgress}}`,
			after: `{apiVersion: velero.io/v1, kind: Backup, metadata: {namespace: c, name: b, resourceVersion: "2", labels: {holdfast.dev/cluster: u}},
  status: {phase: InProgress, csiVolumeSnapshotsAttempted: 1, warnings: 1, progress: {itemsBackedUp: 1}}}`,
		},
		"another cluster's backup": {
			id:    kindBackups,
			after: `{apiVersion: velero.io/v1, kind: Backup, metadata: {namespace: c, name: b, labels: {holdfast.dev/cluster: v}}, status: {phase: Completed}}`,
		},
		"somebody else's admission policy": {
			id: "validatingadmissionpolicies", after: `
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: theirs}}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for _, namespace := range []string{"a", "b", "c", "kube-system"} {
				w.namespace(namespace)
			}
			for id, text := range test.beside {
				w.replace(t, id, text)
			}
			w.replace(t, test.id, test.before)
			w.due()
			bare := w.snapshot(w.living("a"))
			w.replace(t, test.id, test.after)
			if diff := cmp.Diff(test.wantDue, w.due()); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
			w.replace(t, test.id, test.before)
			w.due()
			if diff := cmp.Diff(bare, w.snapshot(w.living("a"))); diff != "" {
				t.Errorf("after all is as it was (-want +got):\n%s", diff)
			}
		})
	}
}

// replace has a kind hold exactly the objects of documents.
func (w world) replace(t *testing.T, id, text string) {
	t.Helper()
	source := sourceNamed(id)
	var items []any
	for _, object := range documents(t, text) {
		content, err := object.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		typed := reflect.New(reflect.TypeOf(source.example).Elem()).Interface()
		if err := json.Unmarshal(content, typed); err != nil {
			t.Fatal(err)
		}
		item, err := source.convert(typed)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	source.table.replace(w.store, items)
}

// TestOnDemand: what is kept of objects that nobody asks for is neither shown nor
// told of, and is there as soon as somebody does.
func TestOnDemand(t *testing.T) {
	const (
		plain = `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: a, name: i}}`
		tls   = `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: a, name: i}, spec: {tls: [{secretName: s}]}}`
		port  = `{apiVersion: v1, kind: Service, metadata: {namespace: a, name: s, uid: u1}, spec: {ports: [{port: 80}]}}`
		https = `{apiVersion: v1, kind: Service, metadata: {namespace: a, name: s, uid: u2}, spec: {ports: [{port: 80, appProtocol: https}]}}`
	)
	w := newWorld()
	w.demanded = demand{}
	w.renewServed()
	w.namespace("a")
	w.replace(t, kindIngresses, plain)
	w.replace(t, string(control.NeedServices), port)
	w.due()
	w.replace(t, kindIngresses, tls)
	w.replace(t, string(control.NeedServices), https)
	if due := w.due(); len(due) > 0 {
		t.Errorf("due: %v", due)
	}
	before := w.snapshot(w.living("a"))
	if len(before.Ingresses) > 0 || before.Services[0].UID != "" || before.Services[0].Ports[0].AppProtocol != "" {
		t.Errorf("seen by nobody: %+v, %+v", before.Ingresses, before.Services)
	}
	w.demanded = newDemand([]control.Need{control.NeedIngresses, control.NeedServiceSubjects})
	after := w.snapshot(w.living("a"))
	if len(after.Ingresses) != 1 || len(after.Ingresses[0].TLS) != 1 || after.Services[0].UID != "u2" ||
		after.Services[0].Ports[0].AppProtocol != "https" {
		t.Errorf("on demand: %+v, %+v", after.Ingresses, after.Services)
	}
	if before.Services[0].UID != "" {
		t.Error("a snapshot was changed")
	}
	w.replace(t, kindIngresses, plain)
	if diff := cmp.Diff([]string{"a"}, w.due()); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
}
