package guards_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/encryptionatrest"
)

const (
	// vaulted is in the scope of the guards, spared is excluded by name, and free is
	// not selected.
	vaulted, spared, free = "vaulted", "spared", "free"

	betaClass = "volume.beta.kubernetes.io/storage-class"
	madeBy    = "pv.kubernetes.io/provisioned-by"
)

var (
	sha256Text = strings.Repeat("ab", 32)
	statedAt   = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
)

// volumeInput is what the control type is given: a cluster with one encrypted class
// and one that is not, and a policy over namespaces with a label.
func volumeInput(policy string, edit func(*v1alpha1.VolumeEncryption)) control.Input {
	v := &v1alpha1.VolumeEncryption{Guard: &v1alpha1.VolumeGuard{Rollout: v1alpha1.GuardDeny}}
	if edit != nil {
		edit(v)
	}
	return control.Input{
		Policy:  policy,
		Control: v1alpha1.ControlSpec{ID: "ENC-1", Mode: v1alpha1.ModeEnforce, EncryptionAtRest: &v1alpha1.EncryptionAtRest{Volumes: v}},
		Scope: &v1alpha1.Scope{
			NamespaceSelector: metav1.LabelSelector{MatchLabels: map[string]string{"tier": "vault"}},
			BuiltinExclusions: []string{"kube-system", "kube-public"},
			Exclusions:        []v1alpha1.Exclusion{{Namespaces: []string{spared}, Reason: "RISK-1"}},
		},
		Snapshot: &control.Snapshot{
			Namespace: control.ClusterNamespace("5a3c6f0e-0000-4000-8000-000000000001", statedAt),
			StorageClasses: []control.StorageClass{
				{Meta: control.Meta{Name: "encrypted"}, Provisioner: "ebs.csi.aws.com", Parameters: map[string]string{"encrypted": "true"}},
				{Meta: control.Meta{Name: "plain"}, Provisioner: "ebs.csi.aws.com"},
			},
		},
		Now: statedAt,
	}
}

// guarded applies the guards, waits until they work, and returns the input with
// what is there then.
func guarded(t *testing.T, in control.Input) (*user, control.Input) {
	t.Helper()
	u := admin(t)
	for name, labels := range map[string]map[string]string{vaulted: {"tier": "vault"}, spared: {"tier": "vault"}, free: nil} {
		u.namespace(name, labels)
	}
	changes, err := encryptionatrest.Control{}.Wants(in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { awaitFree(as(t, shared.RESTConfig())) })
	in.Snapshot.Guards = u.apply(changes)
	if in.Control.EncryptionAtRest.Volumes.Guard.Rollout != v1alpha1.GuardAudit {
		for _, target := range (encryptionatrest.Control{}).Targets(in) {
			object := &unstructured.Unstructured{Object: target.Guard.Object}
			if object.GetKind() == "PersistentVolumeClaim" {
				object.SetNamespace(vaulted)
			}
			u.eventually(target.Guard.Policy+" works", func() bool {
				said := ""
				if err := u.try(object); err != nil {
					said = err.Error()
				}
				said += strings.Join(u.warned, " ")
				// Until it knows the kind of the guard's parameters, an API server refuses whatever comes.
				return strings.Contains(said, target.Guard.Policy) && !strings.Contains(said, "failed to configure policy")
			})
		}
	}
	return u, in
}

// awaitFree waits until the guards of a test that ended are gone for the API server
// too, which is a moment after they were deleted.
func awaitFree(u *user) {
	u.t.Helper()
	for _, object := range []*unstructured.Unstructured{
		read(u.t, claim(vaulted, "plain")), class("another", "ebs.csi.aws.com", "", ""), read(u.t, volume("", "hostPath: {path: /srv}")),
	} {
		u.eventually("nothing guards "+object.GetKind(), func() bool { return u.try(object) == nil && len(u.warned) == 0 })
	}
}

// TestVolumeGuardsAreAdmitted: what an API server makes of the guards is what is
// wanted, so that nothing is left to repair; and it finds no fault in their types.
func TestVolumeGuardsAreAdmitted(t *testing.T) {
	for name, edit := range map[string]func(*v1alpha1.VolumeEncryption){
		"audit":    func(v *v1alpha1.VolumeEncryption) { v.Guard.Rollout = v1alpha1.GuardAudit },
		"warn":     func(v *v1alpha1.VolumeEncryption) { v.Guard.Rollout = v1alpha1.GuardWarn },
		"deny":     nil,
		"customer": func(v *v1alpha1.VolumeEncryption) { v.MinimumLevel = v1alpha1.EncryptionCustomerManaged },
		"extended": extended,
		"largest":  largest,
	} {
		t.Run(name, func(t *testing.T) {
			u := admin(t)
			u.namespace(vaulted, map[string]string{"tier": "vault"})
			t.Cleanup(func() { awaitFree(as(t, shared.RESTConfig())) })
			in := volumeInput("admitted-"+name, edit)
			changes, err := encryptionatrest.Control{}.Wants(in)
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) != 9 {
				t.Fatalf("%d objects are wanted, want parameters, and four policies with their bindings", len(changes))
			}
			in.Snapshot.Guards = u.apply(changes)
			again, err := encryptionatrest.Control{}.Wants(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range again {
				if !c.InPlace {
					t.Errorf("%s %s is not as wanted right after it was applied", c.Kind, c.Name)
				}
				if c.Kind != "ValidatingAdmissionPolicy" {
					continue
				}
				if warnings := u.typeWarnings(c.Name); len(warnings) > 0 {
					t.Errorf("%s: %v", c.Name, warnings)
				}
			}
		})
	}
}

// extended is a control that states much of its own.
func extended(v *v1alpha1.VolumeEncryption) {
	v.Provisioners = []v1alpha1.ProvisionerRule{
		{Provisioner: "a.example.com", Parameters: map[string]v1alpha1.ParameterValue{"a": "it's 1", "b": "*"}, Level: "CustomerManaged", Otherwise: "ProviderManaged", Reason: "r"},
		{Provisioner: "b.example.com", Parameters: map[string]v1alpha1.ParameterValue{`clear\`: "true"}, Level: "None", Otherwise: "CustomerManaged", Reason: "r"},
		{Provisioner: "c.example.com", Level: "ProviderManaged", Reason: "r"},
		{Provisioner: "hostPath", Level: "ProviderManaged", Reason: "r"},
	}
	v.Attestations = []v1alpha1.VolumeAttestation{
		attestation(func(a *v1alpha1.VolumeAttestation) { a.Provisioner = "nfs" }),
		attestation(func(a *v1alpha1.VolumeAttestation) { a.StorageClass = "attested" }),
		attestation(func(a *v1alpha1.VolumeAttestation) { a.StoragePolicy = "gold 'n' sealed" }),
		attestation(func(a *v1alpha1.VolumeAttestation) { a.VolumeHandles = []string{"fs-1", "vol-2"} }),
	}
}

// largest is a control that states as much as it may.
func largest(v *v1alpha1.VolumeEncryption) {
	v.MinimumLevel = v1alpha1.EncryptionCustomerManaged
	for i := range 64 {
		parameters := map[string]v1alpha1.ParameterValue{}
		for p := range 8 {
			parameters[fmt.Sprintf("%s-%d", strings.Repeat("p", 126), p)] = v1alpha1.ParameterValue(strings.Repeat("v", 256))
		}
		v.Provisioners = append(v.Provisioners, v1alpha1.ProvisionerRule{
			Provisioner: fmt.Sprintf("%s-%d.example.com/d", strings.Repeat("p", 230), i), Parameters: parameters, Level: "CustomerManaged", Reason: "r"})
		v.Attestations = append(v.Attestations, attestation(func(a *v1alpha1.VolumeAttestation) {
			for h := range 64 {
				a.VolumeHandles = append(a.VolumeHandles, fmt.Sprintf("%s-%d-%d", strings.Repeat("h", 240), i, h))
			}
		}))
	}
}

func attestation(edit func(*v1alpha1.VolumeAttestation)) v1alpha1.VolumeAttestation {
	a := v1alpha1.VolumeAttestation{Level: v1alpha1.EncryptionCustomerManaged, Attestation: v1alpha1.Attestation{
		Ref: "DOC-1", SHA256: sha256Text, Signer: "ciso", ValidUntil: metav1.NewTime(statedAt.AddDate(1, 0, 0))}}
	edit(&a)
	return a
}

// tried is an object in a dry run: refused names what the refusal says, and is empty
// where the object is let through.
type tried struct {
	object  string
	refused string
}

func (u *user) tryAll(cases map[string]tried) {
	u.t.Helper()
	for name, tc := range cases {
		u.t.Run(name, func(t *testing.T) {
			err := u.try(read(t, tc.object))
			switch {
			case tc.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.refused != "" && err == nil:
				t.Errorf("let through, want a refusal with %q", tc.refused)
			case tc.refused != "" && !strings.Contains(err.Error(), tc.refused):
				t.Errorf("refused with %q, want %q", err, tc.refused)
			}
		})
	}
}

func claim(namespace, rest string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c, namespace: %s, annotations: {%s}},
		spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, %s}}`, namespace, annotations(rest), field(rest))
}

// annotations and field take a claim's class apart: "beta:NAME" is that of the old
// annotation, "NAME" that of the field, and "-" is none.
func annotations(class string) string {
	for part := range strings.SplitSeq(class, ",") {
		if name, beta := strings.CutPrefix(part, "beta:"); beta {
			return fmt.Sprintf("%s: '%s'", betaClass, name)
		}
	}
	return ""
}

func field(class string) string {
	for part := range strings.SplitSeq(class, ",") {
		if !strings.HasPrefix(part, "beta:") && part != "-" {
			return fmt.Sprintf("storageClassName: '%s'", part)
		}
	}
	return ""
}

func TestClaimGuard(t *testing.T) {
	u, _ := guarded(t, volumeInput("claims", nil))
	const by, static = "holdfast-guard-storage-claims-claims", "a claim without a class"
	u.tryAll(map[string]tried{
		"a listed class":                         {claim(vaulted, "encrypted"), ""},
		"another class":                          {claim(vaulted, "plain"), "StorageClass plain is not encrypted at level ProviderManaged, which ControlPolicy claims asks for"},
		"a class that is not there":              {claim(vaulted, "absent"), by},
		"no class, and no default":               {claim(vaulted, "-"), ""},
		"the empty class":                        {claim(vaulted, ""), static},
		"the old annotation, listed":             {claim(vaulted, "beta:encrypted,-"), ""},
		"the old annotation, another":            {claim(vaulted, "beta:plain,-"), by},
		"the old annotation, empty":              {claim(vaulted, "beta:,-"), static},
		"the old annotation counts before field": {claim(vaulted, "beta:plain,encrypted"), by},
		"an excluded namespace":                  {claim(spared, "plain"), ""},
		"a namespace that is not selected":       {claim(free, "plain"), ""},
		"kube-system":                            {claim("kube-system", "plain"), ""},
	})
}

func TestClaimGuardOverAll(t *testing.T) {
	in := volumeInput("everywhere", nil)
	in.Scope.NamespaceSelector = metav1.LabelSelector{}
	u, _ := guarded(t, in)
	u.tryAll(map[string]tried{
		"kube-system is excluded":      {claim("kube-system", "plain"), ""},
		"any other namespace is not":   {claim(free, "plain"), "StorageClass plain"},
		"one that is excluded is not":  {claim(spared, "plain"), ""},
		"a listed class in any of all": {claim(free, "encrypted"), ""},
	})
}

func TestStaticClaimsAllowed(t *testing.T) {
	u, _ := guarded(t, volumeInput("allowing", func(v *v1alpha1.VolumeEncryption) { v.Guard.StaticVolumes = "Allow" }))
	u.tryAll(map[string]tried{
		"the empty class": {claim(vaulted, ""), ""},
		"another class":   {claim(vaulted, "plain"), "StorageClass plain"},
		"a static volume": {volume("", "csi: {driver: x.example.com, volumeHandle: v}"), ""},
	})
}

// TestOldClaims: whatever becomes of a claim that was there before the guard is let
// through, but for another class.
func TestOldClaims(t *testing.T) {
	u := admin(t)
	u.namespace(vaulted, map[string]string{"tier": "vault"})
	u.create(class("plain", "ebs.csi.aws.com", "", "allowVolumeExpansion: true"))
	old := u.create(read(t, strings.Replace(claim(vaulted, "plain"), "name: c,", "name: old,", 1)))
	pending := u.create(read(t, strings.Replace(claim(vaulted, "-"), "name: c,", "name: pending,", 1)))
	bind(u, old)
	guarded(t, volumeInput("old", nil))

	for name, patch := range map[string]string{
		"a finalizer": `{"metadata": {"finalizers": ["kubernetes.io/pvc-protection"]}}`,
		"a label":     `{"metadata": {"labels": {"a": "b"}}}`,
		"a resize":    `{"spec": {"resources": {"requests": {"storage": "2Gi"}}}}`,
	} {
		if err := u.patch(old, patch, metav1.PatchOptions{}); err != nil {
			t.Errorf("%s of an old claim is refused: %v", name, err)
		}
	}
	// A class is filled in late, as the controller does.
	for class, want := range map[string]string{"plain": "StorageClass plain", "encrypted": ""} {
		err := u.patch(pending, fmt.Sprintf(`{"spec": {"storageClassName": %q}}`, class), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("class %s filled in late: %v, want %q", class, err, want)
		}
	}
}

// bind makes a claim Bound, as a resize wants it.
func bind(u *user, claim *unstructured.Unstructured) {
	u.t.Helper()
	name := "pv-" + string(claim.GetUID())
	pv := read(u.t, fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolume, metadata: {name: %s, annotations: {%s: ebs.csi.aws.com}},
		spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, storageClassName: plain, persistentVolumeReclaimPolicy: Retain,
		claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, namespace: %s, name: %s, uid: %s}, csi: {driver: ebs.csi.aws.com, volumeHandle: vol-1}}}`,
		name, madeBy, claim.GetNamespace(), claim.GetName(), claim.GetUID()))
	u.create(pv)
	u.eventually("claim "+claim.GetName()+" is bound", func() bool {
		phase, _, _ := unstructured.NestedString(u.get(claim).Object, "status", "phase")
		return phase == string(corev1.ClaimBound)
	})
}

// TestDefaultClassIsGuarded: the class that admission fills in is looked at, and so
// is one that a controller fills in later.
func TestDefaultClassIsGuarded(t *testing.T) {
	u, in := guarded(t, volumeInput("defaults", nil))
	pending := u.create(read(t, strings.Replace(claim(vaulted, "-"), "name: c,", "name: late,", 1)))
	// The class guard lets nothing like it be made anew.
	relax(u, in)
	plain := u.create(class("plain", "ebs.csi.aws.com", "", defaultMark))
	u.eventually("the default class is filled in, and refused", func() bool {
		err := u.try(read(t, claim(vaulted, "-")))
		return err != nil && strings.Contains(err.Error(), "StorageClass plain")
	})
	consistently(u, "a pending claim keeps to have no class", func() bool {
		_, set, _ := unstructured.NestedString(u.get(pending).Object, "spec", "storageClassName")
		return !set
	})
	u.remove(plain)
	u.create(class("encrypted", "ebs.csi.aws.com", `encrypted: "true"`, defaultMark))
	u.eventually("the default class is filled in, and let through", func() bool {
		name, _, _ := unstructured.NestedString(u.get(pending).Object, "spec", "storageClassName")
		return name == "encrypted" && u.try(read(t, claim(vaulted, "-"))) == nil
	})
}

const defaultMark = "default"

// relax removes the guard of classes.
func relax(u *user, in control.Input) {
	u.t.Helper()
	for _, g := range in.Snapshot.Guards {
		if g.Kind == "ValidatingAdmissionPolicyBinding" && strings.Contains(g.Name, "storage-classes") {
			u.remove(objectOf(&control.Change{APIVersion: g.APIVersion, Kind: g.Kind, Name: g.Name}))
		}
	}
	u.eventually("classes are not guarded", func() bool { return u.try(class("probe", "ebs.csi.aws.com", "", "")) == nil })
}

// consistently checks several times that something stays so: the controller looks
// at claims again when a class becomes the default.
func consistently(u *user, what string, is func() bool) {
	u.t.Helper()
	for range 20 {
		if !is() {
			u.t.Fatalf("it is not so that %s", what)
		}
		<-time.After(poll)
	}
}

func class(name, provisioner, parameters, rest string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": provisioner}}
	object.SetName(name)
	if rest == defaultMark {
		object.SetAnnotations(map[string]string{"storageclass.kubernetes.io/is-default-class": "true"})
	}
	if strings.Contains(rest, "allowVolumeExpansion") {
		object.Object["allowVolumeExpansion"] = true
	}
	if parameters != "" {
		all := map[string]any{}
		for one := range strings.SplitSeq(parameters, ", ") {
			key, value, _ := strings.Cut(one, ": ")
			all[key] = strings.Trim(value, `"`)
		}
		object.Object["parameters"] = all
	}
	return object
}

func volume(maker, source string) string {
	mark := ""
	if maker != "" {
		mark = madeBy + ": " + maker
	}
	return fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolume, metadata: {name: v, annotations: {%s}},
		spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, %s}}`, mark, source)
}

func TestStaticVolumeGuard(t *testing.T) {
	u, _ := guarded(t, volumeInput("static", extended))
	const refused = "was made by no provisioner, and not encrypted at level ProviderManaged"
	u.tryAll(map[string]tried{
		"made by a provisioner":               {volume("x.example.com", "csi: {driver: x.example.com, volumeHandle: v}"), ""},
		"made by hand":                        {volume("", "csi: {driver: x.example.com, volumeHandle: v}"), refused},
		"of a driver that encrypts all":       {volume("", "csi: {driver: dobs.csi.digitalocean.com, volumeHandle: v}"), ""},
		"of a driver that encrypts some":      {volume("", "csi: {driver: ebs.csi.aws.com, volumeHandle: vol-1}"), refused},
		"in-tree, of a provider that does":    {volume("", "gcePersistentDisk: {pdName: d}"), ""},
		"in-tree, of a provider that may not": {volume("", "awsElasticBlockStore: {volumeID: vol-1}"), refused},
		"of the control's own rule":           {volume("", "csi: {driver: c.example.com, volumeHandle: v}"), ""},
		"of the control's own rule in-tree":   {volume("", "hostPath: {path: /srv}"), ""},
		"an attested source":                  {volume("", "nfs: {server: s, path: /}"), ""},
		"a source that is not attested":       {volume("", "iscsi: {targetPortal: 10.0.0.1, iqn: iqn.2026-01.com.example:a, lun: 0}"), refused},
		"an attested handle":                  {volume("", "csi: {driver: x.example.com, volumeHandle: vol-2}"), ""},
		"an attested file system":             {volume("", "csi: {driver: efs.csi.aws.com, volumeHandle: 'fs-1::fsap-7'}"), ""},
		"a handle that begins like one":       {volume("", "csi: {driver: efs.csi.aws.com, volumeHandle: fs-17}"), refused},
	})
}

// TestClassGuard: the guard refuses exactly those classes that ER-01 is going to
// find wanting. internal/controls/encryptionatrest has the table of what that is.
func TestClassGuard(t *testing.T) {
	for name, edit := range map[string]func(*v1alpha1.VolumeEncryption){
		"provider": extended,
		"customer": func(v *v1alpha1.VolumeEncryption) {
			extended(v)
			v.MinimumLevel = v1alpha1.EncryptionCustomerManaged
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := volumeInput("classes-"+name, edit)
			u, _ := guarded(t, in)
			for _, tc := range classCases() {
				in.Snapshot.StorageClasses = []control.StorageClass{{Meta: control.Meta{Name: tc.GetName()}, Provisioner: provisionerOf(tc), Parameters: parametersOf(tc)}}
				judged := encryptionatrest.Control{}.Evaluate(in)
				verdict := judged[len(judged)-1]
				err := u.try(tc)
				if want := verdict.Outcome == control.Conforming; (err == nil) != want {
					t.Errorf("StorageClass %s %s %v is %s, and the guard says %v", tc.GetName(), provisionerOf(tc), parametersOf(tc), verdict.Outcome, err)
				}
				if err != nil && !strings.Contains(err.Error(), "holdfast-guard-storage-classes-") {
					t.Errorf("StorageClass %s is refused by something else: %v", tc.GetName(), err)
				}
			}
		})
	}
}

func classCases() []*unstructured.Unstructured {
	return []*unstructured.Unstructured{
		class("c", "ebs.csi.aws.com", "", ""),
		class("c", "ebs.csi.aws.com", "encrypted: true", ""),
		class("c", "ebs.csi.aws.com", "Encrypted: true, KMSKEYID: k", ""),
		class("c", "ebs.csi.aws.com", "encrypted: true, Encrypted: false", ""),
		class("c", "ebs.csi.aws.com", "encrypted: false, kmsKeyId: k", ""),
		class("c", "kubernetes.io/aws-ebs", "encrypted: true, kmsKeyId: ", ""),
		class("c", "pd.csi.storage.gke.io", "", ""),
		class("c", "pd.csi.storage.gke.io", "disk-encryption-kms-key: k", ""),
		class("c", "disk.csi.azure.com", "diskEncryptionSetID: s", ""),
		class("c", "file.csi.azure.com", "", ""),
		class("c", "rbd.csi.ceph.com", "encrypted: true", ""),
		class("c", "rook-ceph.rbd.csi.ceph.com", "encrypted: true", ""),
		class("c", "rook-ceph.rbd.csi.ceph.com", "Encrypted: true", ""),
		class("c", "rbd.csi.ceph.com.example.com", "encrypted: true", ""),
		class("c", "efs.csi.aws.com", "", ""),
		class("c", "linodebs.csi.linode.com", "linodebs.csi.linode.com/encrypted: true", ""),
		class("c", "linodebs.csi.linode.com", "linodebs.csi.linode.com/luks-encrypted: true", ""),
		class("c", "vpc.block.csi.ibm.io", "encrypted: true", ""),
		class("c", "storage.csi.upcloud.com", "encryption: data-at-rest", ""),
		class("c", "storage.csi.upcloud.com", "encryption: none", ""),
		class("c", "unknown.example.com", "encrypted: true", ""),
		class("attested", "unknown.example.com", "", ""),
		class("c", "nfs", "", ""),
		class("c", "nfs.csi.k8s.io", "", ""),
		class("c", "csi.vsphere.vmware.com", "storagepolicyname: gold 'n' sealed", ""),
		class("c", "csi.vsphere.vmware.com", "StoragePolicyName: gold 'n' sealed", ""),
		class("c", "csi.vsphere.vmware.com", "storagepolicyname: silver", ""),
		class("c", "a.example.com", "a: it's 1, b: x", ""),
		class("c", "a.example.com", "a: it's 1, b: ", ""),
		class("c", "a.example.com", "a: its 1, b: x", ""),
		class("c", "b.example.com", `clear\: true`, ""),
		class("c", "b.example.com", `clear\: false`, ""),
		class("c", "c.example.com", "", ""),
	}
}

func provisionerOf(class *unstructured.Unstructured) string {
	name, _, _ := unstructured.NestedString(class.Object, "provisioner")
	return name
}

func parametersOf(class *unstructured.Unstructured) map[string]string {
	parameters, _, _ := unstructured.NestedStringMap(class.Object, "parameters")
	return parameters
}
