package observe

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestSourceOf(t *testing.T) {
	tests := map[string]struct {
		source                 corev1.PersistentVolumeSource
		wantSource, wantHandle string
	}{
		"CSI": {
			source:     corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: "vol-1"}},
			wantSource: "ebs.csi.aws.com", wantHandle: "vol-1",
		},
		"a disk of AWS, in the tree": {
			source:     corev1.PersistentVolumeSource{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "aws://z/vol-1"}},
			wantSource: "awsElasticBlockStore", wantHandle: "aws://z/vol-1",
		},
		"Ceph, whose credentials are nobody's business": {
			source: corev1.PersistentVolumeSource{RBD: &corev1.RBDPersistentVolumeSource{
				CephMonitors: []string{"m"}, RBDPool: "p", RBDImage: "i", RadosUser: "u", SecretRef: &corev1.SecretReference{Name: "s"},
			}},
			wantSource: "rbd", wantHandle: "p/i",
		},
		"NFS": {
			source:     corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: "s", Path: "/p"}},
			wantSource: "nfs", wantHandle: "s:/p",
		},
		"a path of the node": {
			source:     corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/p"}},
			wantSource: "hostPath", wantHandle: "/p",
		},
		"one that has no handle": {source: corev1.PersistentVolumeSource{Quobyte: &corev1.QuobyteVolumeSource{}}, wantSource: "quobyte"},
		"none":                   {},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if source, handle := sourceOf(&test.source); source != test.wantSource || handle != test.wantHandle {
				t.Errorf("got %q, %q, want %q, %q", source, handle, test.wantSource, test.wantHandle)
			}
		})
	}
}

// TestWithoutCredentials: what tells how a volume is encrypted stays, and what may
// open it goes.
func TestWithoutCredentials(t *testing.T) {
	kept := map[string]string{
		"encrypted": "true", "kmsKeyId": "arn:x", "disk-encryption-kms-key": "k", "diskEncryptionSetID": "d", "encryptionKMSID": "e", "encryptionKey": "crn:x",
		"csi.storage.k8s.io/provisioner-secret-name": "s", "csi.storage.k8s.io/provisioner-secret-namespace": "n", "storagepolicyname": "p",
		"adminSecretName": "s", "server": "nfs://example.com/a",
	}
	given := maps.Clone(kept)
	for _, name := range []string{
		"password", "admin-password", "restuserkey", "secret", "clientSecret", "SECRET_KEY", "token", "accessKey", "access-key-id", "apiKey", "private_key",
		"storageAccountKey", "passphrase", "credentials",
	} {
		given[name] = "canary"
	}
	given["endpoint"] = "https://user:canary@example.com"
	if diff := cmp.Diff(kept, withoutCredentials(given)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if got := withoutCredentials(map[string]string{"password": "canary"}); got != nil {
		t.Errorf("of nothing but a credential is left %v", got)
	}
}

func TestFlagsOf(t *testing.T) {
	tests := map[string]struct {
		containers []corev1.Container
		want       map[string]string
	}{
		"command and arguments, the last of which counts": {
			containers: []corev1.Container{{Name: "kube-apiserver", Command: []string{"kube-apiserver", "--tls-min-version=VersionTLS12"},
				Args: []string{"--tls-min-version=VersionTLS13", "--etcd-servers=https://etcd"}}},
			want: map[string]string{"tls-min-version": "VersionTLS13"},
		},
		"values in words of their own": {
			containers: []corev1.Container{{Name: "kube-apiserver", Command: []string{
				"kube-apiserver", "--encryption-provider-config", "/etc/a.yaml", "--encryption-provider-config-automatic-reload", "--audit-log-compress=false",
			}}},
			want: map[string]string{
				"encryption-provider-config": "/etc/a.yaml", "encryption-provider-config-automatic-reload": "true", "audit-log-compress": "false",
			},
		},
		"by a shell": {
			containers: []corev1.Container{{Name: "x", Command: []string{"sh", "-c", "exec kube-apiserver --tls-cipher-suites=A,B --audit-log-path - 2>&1"}}},
			want:       map[string]string{"tls-cipher-suites": "A,B", "audit-log-path": "-"},
		},
		"of another container": {
			containers: []corev1.Container{{Name: "kms", Args: []string{"--audit-log-path=x"}}, {Name: "kube-apiserver"}},
		},
		"without a value": {
			containers: []corev1.Container{{Name: "kube-apiserver", Args: []string{"--encryption-provider-config"}}},
			want:       map[string]string{"encryption-provider-config": ""},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, flagsOf(&corev1.Pod{Spec: corev1.PodSpec{Containers: test.containers}})); diff != "" {
				t.Errorf("flags (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOwn: what the ledger knows as ours is, in each kind that Holdfast creates.
func TestOwn(t *testing.T) {
	meta := func(name string) control.Meta { return control.Meta{Name: name, UID: "u-" + name} }
	everywhere := meta("root")
	everywhere.Namespace = control.IstioRoot
	snapshot := &control.Snapshot{
		Namespace:       control.Namespace{Name: "shop"},
		NetworkPolicies: []control.NetworkPolicy{{Name: "p", Identity: control.Identity{UID: "u-p"}}},
		StorageClasses:  []control.StorageClass{{Meta: meta("gold")}, {Meta: meta("theirs")}},
		Guards:          []control.GuardObject{{Meta: meta("g"), Kind: "ValidatingAdmissionPolicy"}},
		Certificates:    []control.Certificate{{Meta: meta("c")}},
		Mesh:            &control.Mesh{Authentications: []control.PeerAuthentication{{Meta: meta("a")}, {Meta: everywhere}}},
	}
	var asked []string
	own(snapshot, func(kind, namespace, name, uid string) bool {
		asked = append(asked, kind+" "+namespace+"/"+name+" "+uid)
		return name != "theirs"
	})
	slices.Sort(asked)
	want := []string{
		"Certificate shop/c u-c", "NetworkPolicy shop/p u-p", "PeerAuthentication istio-system/root u-root", "PeerAuthentication shop/a u-a",
		"StorageClass /gold u-gold", "StorageClass /theirs u-theirs", "ValidatingAdmissionPolicy /g u-g",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	ours := []bool{
		snapshot.NetworkPolicies[0].Ours, snapshot.StorageClasses[0].Ours, snapshot.StorageClasses[1].Ours, snapshot.Guards[0].Ours,
		snapshot.Certificates[0].Ours, snapshot.Mesh.Authentications[0].Ours, snapshot.Mesh.Authentications[1].Ours,
	}
	if diff := cmp.Diff([]bool{true, true, false, true, true, true, true}, ours); diff != "" {
		t.Errorf("ours (-want +got):\n%s", diff)
	}
}
