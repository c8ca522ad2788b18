package encryptionatrest

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// goldenCases are inputs whose findings are kept in testdata, by the name of the folder.
func goldenCases(t *testing.T) map[string]control.Input {
	t.Helper()
	everything := func(rollout v1alpha1.GuardRollout) *cluster {
		v := guarding(rollout)
		v.Attestations = []v1alpha1.VolumeAttestation{attest(p, now.AddDate(1, 0, 0), byClass("tank"))}
		return newCluster().volumes(v).class(storageClass("tank", "zfs.csi.openebs.io", "")).guarded(t)
	}
	servers := v1alpha1.APIServerEncryption{Providers: []string{"aesgcm", "kms"}, PlaintextResidue: v1alpha1.JudgementForbid,
		MaximumKeyAge: &metav1.Duration{Duration: 2160 * time.Hour}}
	attested := servers
	attested.Attestation = servedBy(now.AddDate(1, 0, 0))
	old := with(func(s *control.Stored) { s.ReadInTheClear, s.FirstSeen = 4, now.AddDate(-1, 0, 0) })
	return map[string]control.Input{
		"encrypted-classes": everything(v1alpha1.GuardDeny).tried(nil).Input,
		"unencrypted-classes": newCluster().volumes(v1alpha1.VolumeEncryption{MinimumLevel: c, DefaultClass: "fast"}).
			class(storageClass("plain", "ebs.csi.aws.com", "type=gp3")).class(storageClass("odd", "disks.example.com", "")).
			class(storageClass("tank", "zfs.csi.openebs.io", "")).defaults("fast", "plain").Input,
		"attestation-expired": newCluster().volumes(attesting(attest(p, now.Add(-time.Hour), byClass("tank")))).
			class(storageClass("tank", "zfs.csi.openebs.io", "")).defaults("tank").Input,
		"audited-guard":           everything(v1alpha1.GuardAudit).Input,
		"absent-guard":            everything(v1alpha1.GuardDeny).missingAll().Input,
		"altered-guard":           everything(v1alpha1.GuardDeny).tried(nil).alter(bindingKind, "claims", func(g *control.GuardObject) { g.Spec = withKey(g.Spec, "validationActions", []any{"Audit"}) }).Input,
		"let-through":             everything(v1alpha1.GuardWarn).tried(func(_ string, r *control.Refused) { r.Denied = nil }).Input,
		"api-server-encrypted":    storing(encrypted(), control.Stored{Prefixes: map[string]int{kms: 1}, KeyIDs: []string{"sha256:k1"}, FirstSeen: now.AddDate(0, 0, -1)}).apiServer(servers).Input,
		"api-server-in-the-clear": storing(encrypted(), inTheClear()).apiServer(servers).withoutFlag(1).Input,
		"api-server-old":          storing(old, control.Stored{Prefixes: map[string]int{"k8s:enc:aescbc:v1:": 1}}).apiServer(servers).Input,
		"managed-api-server":      storing(control.Stored{NoTransformer: true}, control.Stored{NoTransformer: true}).managed().apiServer(attested).Input,
		"not-probed":              newCluster().apiServer(servers).saw(endpointA, encrypted()).without(control.NeedProbes, control.ReasonInconclusive).Input,
		"unreadable": everything(v1alpha1.GuardDeny).apiServer(servers).without(control.NeedStorageClasses, control.ReasonForbidden).
			without(control.NeedEndpointSlices, control.ReasonForbidden).without(control.NeedAPIServerPods, control.ReasonForbidden).Input,
		"encrypted-volumes": inWeb(v1alpha1.VolumeEncryption{Attestations: []v1alpha1.VolumeAttestation{attest(p, now.AddDate(1, 0, 0), byHandle("fs-1"))}},
			renamed("a-made", made("ebs.csi.aws.com", "encrypted=true")), renamed("b-says", volume("rbd.csi.ceph.com", attributes("encrypted=true"))),
			renamed("c-always", made("dobs.csi.digitalocean.com", "", classGone)), renamed("d-attested", made("efs.csi.aws.com", "", handle("fs-1::fsap-2")))),
		"unencrypted-volumes": inWeb(v1alpha1.VolumeEncryption{Attestations: []v1alpha1.VolumeAttestation{attest(p, now, byHandle("fs-1"))}},
			renamed("a-clear", made("ebs.csi.aws.com", "")), renamed("b-says", made("rbd.csi.ceph.com", "encrypted=true", attributes("encrypted=false"))),
			renamed("c-older", made("ebs.csi.aws.com", "encrypted=true", older)), renamed("d-expired", made("efs.csi.aws.com", "", handle("fs-1::fsap-2"))),
			renamed("e-unknown", volume("disks.example.com")), renamed("f-node", volume("hostPath"))),
		"no-volumes": inWeb(v1alpha1.VolumeEncryption{}),
	}
}

// inWeb is an input about a namespace with volumes.
func inWeb(v v1alpha1.VolumeEncryption, volumes ...control.Volume) control.Input {
	in := newCluster().volumes(v).Input
	in.Snapshot = &control.Snapshot{Namespace: control.Namespace{Name: "web", UID: "5a3c6f0e-0000-4000-8000-000000000002", CreatedAt: classMade}, Volumes: volumes}
	return in
}

func renamed(name string, v control.Volume) control.Volume {
	v.Name, v.UID = name, "uid-"+name
	return v
}

// suite is the golden cases. Those that every process judges have, together, each
// rule Conforming, and each Deviating.
func suite(t *testing.T) controltest.Suite {
	t.Helper()
	return controltest.Suite{
		Control: Control{},
		Cases:   controltest.Inputs(t, goldenCases(t)),
		SelfTested: []string{"altered-guard", "api-server-encrypted", "api-server-in-the-clear", "api-server-old", "attestation-expired",
			"encrypted-classes", "encrypted-volumes", "let-through", "managed-api-server", "unencrypted-classes", "unencrypted-volumes", "unreadable"},
	}
}

func TestGolden(t *testing.T) { suite(t).TestFindings(t) }

func TestEvaluatorVersion(t *testing.T) { suite(t).TestEvaluatorVersion(t) }

// TestE16FixturesAreGoldenCases: what a process judges itself by is what the golden
// cases are, and has good and bad of each rule.
func TestE16FixturesAreGoldenCases(t *testing.T) {
	suite(t).TestFixtures(t, []string{RuleClass, RuleDefaultClass, RuleVolume, RuleGuard, RuleConfig, RuleStored, RuleResidue, RuleKey},
		control.Conforming, control.Deviating)
}

// TestMessages: each is one sentence, and says no times.
func TestMessages(t *testing.T) {
	for name, in := range goldenCases(t) {
		for _, f := range (Control{}).Evaluate(in) {
			if !strings.HasSuffix(f.Message, ".") || strings.Contains(f.Message, "..") || len(f.Message) > maxMessage || strings.Contains(f.Message, "2026-") {
				t.Errorf("%s %s: message %q", name, f.Rule, f.Message)
			}
			if f.Reason == "" || f.Outcome == "" || f.Basis == "" || f.Subject.Name == "" {
				t.Errorf("%s %s is incomplete: %+v", name, f.Rule, f)
			}
		}
	}
}
