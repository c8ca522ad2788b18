package observe

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// seeds are objects of the kinds that controls judge one by one.
const seeds = `
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: gold}, provisioner: ebs.csi.aws.com, parameters: {encrypted: "true", password: canary}}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: v}, spec: {storageClassName: gold, claimRef: {namespace: shop, name: data},
  csi: {driver: d, volumeHandle: h, volumeAttributes: {encrypted: "true", userKey: canary}}}, status: {phase: Bound}}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: old}, spec: {claimRef: {namespace: shop, name: data}, rbd: {monitors: [a], image: i, pool: p}}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: kube-system, name: kube-apiserver-a, labels: {component: kube-apiserver},
  annotations: {kubernetes.io/config.mirror: x}}, spec: {containers: [{name: kube-apiserver, command: [kube-apiserver, --tls-min-version=VersionTLS12]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web-a-1, labels: {app: web, pod-template-hash: a}, annotations: {
  config.linkerd.io/skip-inbound-ports: "80,443"}, ownerReferences: [{kind: ReplicaSet, name: web-a, controller: true}]}, spec: {containers: [
  {name: linkerd-proxy}, {name: main, ports: [{containerPort: 80}, {containerPort: 8080}]}]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: holdfast-guard-x}, spec: {validations: [{expression: "true"}]},
  status: {typeChecking: {expressionWarnings: [{fieldRef: spec, warning: w}]}}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: shop, name: web, annotations: {kubernetes.io/ingress.class: nginx}, ownerReferences: [
  {apiVersion: acme.cert-manager.io/v1, kind: Challenge}]}, spec: {defaultBackend: {service: {name: web}}, tls: [{secretName: tls}, {hosts: [a, b]}],
  rules: [{host: "*.example.com"}]}, status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {namespace: shop, name: g}, spec: {listeners: [{name: l, protocol: TLS, port: 443,
  tls: {mode: Passthrough, certificateRefs: [{name: own}, {namespace: other, name: theirs, group: x, kind: Z}]}, allowedRoutes: {namespaces: {from: Same}}}]}}
---
{apiVersion: gateway.networking.x-k8s.io/v1alpha1, kind: XListenerSet, metadata: {namespace: shop, name: s}, spec: {listeners: [{port: 80}]}}
---
{apiVersion: gateway.networking.k8s.io/v1beta1, kind: ReferenceGrant, metadata: {namespace: other, name: g}, spec: {
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: shop}], to: [{group: x, kind: Z}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {namespace: other, name: r}, spec: {hostnames: [a], parentRefs: [
  {namespace: shop, name: g, sectionName: l}, {group: gateway.networking.x-k8s.io, kind: XListenerSet, namespace: shop, name: s}],
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}]}}
---
{apiVersion: security.istio.io/v1beta1, kind: PeerAuthentication, metadata: {namespace: shop, name: p}, spec: {selector: {matchLabels: {app: web}},
  mtls: {mode: STRICT}, portLevelMtls: {"8080": {mode: DISABLE}, x: {mode: UNSET}}}}
---
{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {namespace: shop, name: d}, spec: {host: h, trafficPolicy: {tls: {mode: SIMPLE},
  portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}, subsets: [{name: v1}]}}
---
{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {namespace: shop, name: c}, spec: {secretName: tls, dnsNames: [a], issuerRef: {name: ca}},
  status: {notAfter: "2026-03-01T06:00:00Z", failedIssuanceAttempts: 1, conditions: [{type: Ready, status: "True", reason: Ready}]}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: shop, name: data, labels: {app: web}}, spec: {volumeName: v}, status: {phase: Bound}}
---
{apiVersion: snapshot.storage.k8s.io/v1, kind: VolumeSnapshot, metadata: {namespace: shop, name: s}, spec: {source: {persistentVolumeClaimName: data}},
  status: {readyToUse: true, creationTime: "2026-03-01T06:00:00Z", error: {message: "https://user:canary@example.com refused"}}}
---
{apiVersion: velero.io/v1, kind: Schedule, metadata: {namespace: velero, name: daily}, spec: {schedule: "0 2 * * *", skipImmediately: false, template: {ttl: 720h,
  hooks: {resources: [{name: h, pre: [{exec: {command: [dump, --password=canary]}}]}]}}}, status: {phase: FailedValidation, validationErrors: [bad]}}
---
{apiVersion: velero.io/v1, kind: BackupStorageLocation, metadata: {namespace: velero, name: default}, spec: {provider: aws, default: true, validationFrequency: 1m,
  objectStorage: {bucket: b, prefix: p}, config: {s3Url: "https://user:canary@example.com", kmsKeyId: k, customerKeyEncryptionSecret: s/k, secretKey: canary}},
  status: {phase: Unavailable, lastValidationTime: "2026-03-01T06:00:00Z", message: "RequestID: 1, Get https://example.com/?X-Amz-Signature=canary&prefix=p"}}
---
{apiVersion: velero.io/v1, kind: Backup, metadata: {namespace: velero, name: daily-20260301020000, uid: b1, labels: {velero.io/schedule-name: daily}},
  spec: {includedNamespaces: ["sh*"], excludedNamespaces: [web], storageLocation: default, ttl: 720h, resourcePolicy: {kind: configmap, name: p},
  labelSelector: {matchLabels: {app: web}}}, status: {phase: PartiallyFailed, startTimestamp: "2026-03-01T02:00:00Z", errors: 1, csiVolumeSnapshotsAttempted: 2,
  completionTimestamp: "2026-03-01T02:01:00Z", expiration: "2026-03-31T02:00:00Z", hookStatus: {hooksFailed: 1}, validationErrors: [refused]}}
---
{apiVersion: velero.io/v1, kind: PodVolumeBackup, metadata: {namespace: velero, name: v, annotations: {velero.io/pvc-name: data}, labels: {velero.io/backup-uid: b1,
  velero.io/pvc-uid: c1}}, spec: {pod: {namespace: shop, name: web}}, status: {phase: Completed, progress: {bytesDone: 3, totalBytes: 3}}}
---
{apiVersion: velero.io/v2alpha1, kind: DataUpload, metadata: {namespace: velero, name: u, labels: {velero.io/backup-name: daily-20260301020000,
  velero.io/pvc-uid: c2}}, spec: {sourceNamespace: shop, sourcePVC: data}, status: {phase: InProgress, progress: {bytesDone: 3}}}
---
{apiVersion: velero.io/v1, kind: DeleteBackupRequest, metadata: {namespace: velero, name: d, labels: {velero.io/backup-uid: b1}}, spec: {
  backupName: daily-20260301020000}, status: {phase: InProgress}}
`

// FuzzObjects: whatever an object says, it is refused, or read in a way that the
// ledger can keep, and that is the same each time.
func FuzzObjects(f *testing.F) {
	for document := range strings.SplitSeq(seeds, "---\n") {
		content, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var object unstructured.Unstructured
		if utiljson.Unmarshal(content, &object.Object) != nil || object.GetKind() == "" || object.IsList() {
			return
		}
		first, err := snapshots(&object)
		if err != nil {
			return
		}
		again, err := snapshots(&object)
		if err != nil || !bytes.Equal(first, again) {
			t.Errorf("read again (%v):\n%s\n%s", err, first, again)
		}
		var kept map[string]*control.Snapshot
		decoder := json.NewDecoder(bytes.NewReader(first))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&kept); err != nil {
			t.Fatal(err)
		}
		if back, err := json.Marshal(kept); err != nil || !bytes.Equal(first, back) {
			t.Errorf("written again (%v):\n%s\n%s", err, first, back)
		}
	})
}

// snapshots are those of all scopes of a cluster with an object.
func snapshots(object *unstructured.Unstructured) ([]byte, error) {
	objects := []unstructured.Unstructured{*object.DeepCopy()}
	for _, name := range []string{"shop", "kube-system"} {
		var n unstructured.Unstructured
		n.SetAPIVersion("v1")
		n.SetKind("Namespace")
		n.SetName(name)
		objects = append(objects, n)
	}
	s, err := NewStatic(objects, StaticOptions{FieldManager: "holdfast"})
	if err != nil {
		return nil, err
	}
	all := map[string]*control.Snapshot{}
	for _, scope := range []string{"shop", "kube-system", control.Cluster} {
		if all[scope], err = s.Snapshot(scope); err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}

// FuzzParameters: what is kept of parameters is as it was, and none of it may be
// a credential.
func FuzzParameters(f *testing.F) {
	for _, seed := range [][2]string{
		{"encrypted", "true"}, {"kmsKeyId", "arn:aws:kms:x"}, {"csi.storage.k8s.io/node-stage-secret-name", "key"}, {"adminPassword", "x"},
		{"url", "https://user:password@example.com"}, {"secret_key", "x"}, {"", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		given := map[string]string{name: value, "encrypted": "true", "adminPassword": "canary"}
		kept := withoutCredentials(given)
		for name, value := range kept {
			if given[name] != value || mayBeCredential(name, value) {
				t.Errorf("kept %q: %q of %v", name, value, given)
			}
		}
		if kept["encrypted"] != given["encrypted"] && name != "encrypted" || kept["adminPassword"] != "" {
			t.Errorf("kept %v of %v", kept, given)
		}
	})
}

// FuzzFlags: a command line is read without harm, and no flag but those that a
// rule looks at is kept.
func FuzzFlags(f *testing.F) {
	f.Add("kube-apiserver --tls-min-version=VersionTLS12\n--audit-log-path\n-")
	f.Add("sh\n-c\nexec kube-apiserver --encryption-provider-config /etc/x --etcd-servers=https://user:canary@etcd 2>&1")
	f.Add("--encryption-provider-config")
	f.Fuzz(func(t *testing.T, line string) {
		p := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Command: strings.Split(line, "\n")}}}}
		for name := range flagsOf(p) {
			if !slices.Contains(judgedFlags, name) && !strings.HasPrefix(name, auditFlags) {
				t.Errorf("kept the flag %q of %q", name, line)
			}
		}
	})
}

// TestSeedsAreKept: each of the seeds is something that a snapshot shows.
func TestSeedsAreKept(t *testing.T) {
	s := static(t, StaticOptions{FieldManager: "holdfast"}, seeds+`
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}
`)
	shop, err := s.Snapshot("shop")
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := s.Snapshot(control.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{
		"classes": len(cluster.StorageClasses), "volumes": len(shop.Volumes), "servers": len(cluster.APIServerPods), "guards": len(cluster.Guards),
		"ingresses": len(shop.Ingresses), "gateways": len(shop.Gateways), "routes": len(shop.GatewayRoutes), "workloads": len(shop.Workloads),
		"authentications": len(shop.Mesh.Authentications), "destinations": len(shop.Mesh.Destinations), "certificates": len(shop.Certificates),
		"claims": len(shop.Claims), "snapshots": len(shop.VolumeSnapshots), "plans": len(cluster.BackupPlans), "locations": len(cluster.BackupLocations),
		"backups": len(shop.Backups), "volumes backed up": len(shop.Backups[0].Volumes),
	}
	want := map[string]int{
		"classes": 1, "volumes": 2, "servers": 1, "guards": 1, "ingresses": 1, "gateways": 2, "routes": 1, "workloads": 1,
		"authentications": 1, "destinations": 1, "certificates": 1,
		"claims": 1, "snapshots": 1, "plans": 1, "locations": 1, "backups": 1, "volumes backed up": 2,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	text, err := json.Marshal([]*control.Snapshot{shop, cluster})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("canary")) {
		t.Errorf("a credential is in a snapshot:\n%s", text)
	}
}
