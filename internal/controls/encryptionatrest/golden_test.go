package encryptionatrest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	inputFile  = "input.yaml"
	goldenFile = "findings.golden.yaml"
	// versionFile says for which evaluator version the golden findings hold.
	versionFile = "testdata/evaluator_version.yaml"
	// updateVariable in the environment makes TestGolden rewrite the golden files.
	updateVariable = "UPDATE_GOLDEN"
)

// selfTested are the golden cases that every process judges. Together they have
// each rule Conforming, and each Deviating.
var selfTested = []string{"altered-guard", "api-server-encrypted", "api-server-in-the-clear", "api-server-old", "attestation-expired", "encrypted-volumes",
	"encrypted-classes", "let-through", "managed-api-server", "unencrypted-classes", "unencrypted-volumes", "unreadable"}

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

// TestGolden evaluates each case as it is read back from testdata, so that nothing
// counts that the ledger would not keep.
func TestGolden(t *testing.T) {
	cases := goldenCases(t)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", name)
			in := fixtureOf(name, cases[name])
			compare(t, filepath.Join(dir, inputFile), marshal(t, in))
			var back control.Fixture
			if err := yaml.UnmarshalStrict(read(t, filepath.Join(dir, inputFile)), &back); err != nil {
				t.Fatal(err)
			}
			compare(t, filepath.Join(dir, goldenFile), marshal(t, Control{}.Evaluate(back.Input())))
		})
	}
	folders, err := filepath.Glob("testdata/*/" + goldenFile)
	if err != nil || len(folders) != len(cases) {
		t.Errorf("%d folders of %d cases in testdata (%v)", len(folders), len(cases), err)
	}
}

func fixtureOf(name string, in control.Input) control.Fixture {
	return control.Fixture{Name: name, Control: in.Control, Scope: in.Scope, Snapshot: in.Snapshot, Now: in.Now}
}

// TestEvaluatorVersion fails when the same input gives other golden findings than it
// did when the evaluator got its version. The ledger relies on it: entries name the
// version that judged.
func TestEvaluatorVersion(t *testing.T) {
	type digests struct {
		Input    string `json:"input"`
		Findings string `json:"findings"`
	}
	type version struct {
		EvaluatorVersion int                `json:"evaluatorVersion"`
		Cases            map[string]digests `json:"cases"`
	}
	got := version{EvaluatorVersion: Control{}.EvaluatorVersion(), Cases: map[string]digests{}}
	for name := range goldenCases(t) {
		got.Cases[name] = digests{digest(read(t, filepath.Join("testdata", name, inputFile))), digest(read(t, filepath.Join("testdata", name, goldenFile)))}
	}
	var recorded version
	if content, err := os.ReadFile(versionFile); err == nil {
		if err := yaml.UnmarshalStrict(content, &recorded); err != nil {
			t.Fatal(err)
		}
	}
	for name, was := range recorded.Cases {
		if is := got.Cases[name]; is.Input == was.Input && is.Findings != was.Findings && got.EvaluatorVersion == recorded.EvaluatorVersion {
			t.Fatalf("the same input gives other findings in %s: bump EvaluatorVersion", name)
		}
	}
	compare(t, versionFile, marshal(t, got))
}

// TestE16FixturesAreGoldenCases: what a process judges itself by is what the golden
// cases are, and has good and bad of each rule.
func TestE16FixturesAreGoldenCases(t *testing.T) {
	cases := goldenCases(t)
	for _, name := range selfTested {
		f := fixtureOf(name, cases[name])
		f.Want = control.VerdictsOf(Control{}.Evaluate(f.Input()))
		text, err := json.MarshalIndent(f, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		compare(t, filepath.Join("selftest", name+".json"), append(text, '\n'))
	}
	files, err := control.ReadFixtures(os.DirFS("selftest"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	outcomes := map[string][]control.Outcome{}
	for _, f := range files {
		names = append(names, f.Name)
		for _, v := range f.Want {
			outcomes[v.Rule] = append(outcomes[v.Rule], v.Outcome)
		}
		if found := (Control{}).Evaluate(f.Input()); !f.Expects(found) {
			t.Errorf("%s: found %+v, want %+v", f.Name, control.VerdictsOf(found), f.Want)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(slices.Sorted(slices.Values(selfTested)), names); diff != "" {
		t.Errorf("fixtures (-want +got):\n%s", diff)
	}
	for _, rule := range []string{RuleClass, RuleDefaultClass, RuleVolume, RuleGuard, RuleConfig, RuleStored, RuleResidue, RuleKey} {
		for _, outcome := range []control.Outcome{control.Conforming, control.Deviating} {
			if !slices.Contains(outcomes[rule], outcome) {
				t.Errorf("no fixture has %s %s", rule, outcome)
			}
		}
	}
}

// compare compares a file with what it is to be, and writes it where that is asked for.
func compare(t *testing.T, path string, want []byte) {
	t.Helper()
	if os.Getenv(updateVariable) != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, path)), string(want)); diff != "" {
		t.Errorf("%s differs (-file +now); %s=1 accepts it:\n%s", path, updateVariable, diff)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	content, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
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
