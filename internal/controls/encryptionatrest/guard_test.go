package encryptionatrest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

func guarding(rollout v1alpha1.GuardRollout) v1alpha1.VolumeEncryption {
	return v1alpha1.VolumeEncryption{Guard: &v1alpha1.VolumeGuard{Rollout: rollout}}
}

// inPlace is a cluster whose guards are as wanted, and were tried.
func inPlace(t *testing.T, rollout v1alpha1.GuardRollout) *cluster {
	t.Helper()
	return newCluster().volumes(guarding(rollout)).guarded(t).tried(func(policy string, r *control.Refused) {
		if rollout == v1alpha1.GuardWarn {
			r.Denied, r.Warned = nil, []string{policy}
		}
	})
}

// alter edits the guard's object of a kind.
func (c *cluster) alter(kind, name string, edit func(*control.GuardObject)) *cluster {
	c.Snapshot.Guards = slices.Clone(c.Snapshot.Guards)
	for i := range c.Snapshot.Guards {
		if g := &c.Snapshot.Guards[i]; g.Kind == kind && strings.Contains(g.Name, name) {
			edit(g)
		}
	}
	return c
}

func (c *cluster) remove(kind, name string) *cluster {
	c.Snapshot.Guards = slices.DeleteFunc(slices.Clone(c.Snapshot.Guards), func(g control.GuardObject) bool {
		return g.Kind == kind && strings.Contains(g.Name, name)
	})
	return c
}

// refusing changes what became of the dry run of one guard.
func (c *cluster) refusing(name string, edit func(*control.Observation)) *cluster {
	for i := range c.Snapshot.Observations {
		if o := &c.Snapshot.Observations[i]; o.Guard != nil && strings.Contains(o.Guard.Policy, name) {
			edit(o)
		}
	}
	return c
}

func accept(o *control.Observation) { o.Refused = &control.Refused{} }

func TestGuarded(t *testing.T) {
	const policy, binding, claims = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "holdfast-guard-storage-claims-self-test"
	deny, warn, audit := v1alpha1.GuardDeny, v1alpha1.GuardWarn, v1alpha1.GuardAudit
	loosened := func(g *control.GuardObject) {
		g.Spec = map[string]any{"policyName": g.Name, "validationActions": []any{"Audit"}}
	}
	for name, tc := range map[string]struct {
		cluster *cluster
		want    string
	}{
		"denies":             {inPlace(t, deny), "Conforming Guarded Behaviour"},
		"warns":              {inPlace(t, warn), "Conforming Guarded Behaviour"},
		"audits":             {inPlace(t, audit), "Conforming Guarded Configuration"},
		"by default":         {inPlace(t, ""), "Conforming Guarded Configuration"},
		"absent":             {newCluster().volumes(guarding(deny)).missingAll(), "Deviating GuardAbsent Configuration: EncryptedStorageClasses " + claims + ", ValidatingAdmissionPolicy holdfast-guard-static-volumes-self-test, ValidatingAdmissionPolicy " + claims + ", ValidatingAdmissionPolicy holdfast-guard-storage-classes-self-test"},
		"one binding absent": {inPlace(t, deny).remove(binding, "claims"), "Deviating GuardAbsent Configuration: ValidatingAdmissionPolicyBinding " + claims},
		"loosened":           {inPlace(t, deny).alter(binding, "claims", loosened), "Deviating GuardAltered Configuration: ValidatingAdmissionPolicyBinding " + claims},
		"a condition added": {inPlace(t, deny).alter(policy, "claims", func(g *control.GuardObject) {
			g.Spec = withKey(g.Spec, "matchConditions", []any{map[string]any{"name": "never", "expression": "false"}})
		}), "Deviating GuardAltered Configuration: ValidatingAdmissionPolicy " + claims},
		"a class too many": {inPlace(t, deny).alter(paramKind, "claims", func(g *control.GuardObject) {
			g.Spec = withKey(g.Spec, "allowed", []any{"archive", "fast", "plain"})
		}), "Deviating GuardAltered Configuration: EncryptedStorageClasses " + claims},
		"a class is new":          {inPlace(t, deny).class(storageClass("new", "dobs.csi.digitalocean.com", "")), "Deviating GuardAltered Configuration: EncryptedStorageClasses " + claims},
		"one in the clear is new": {inPlace(t, deny).class(storageClass("new", "ebs.csi.aws.com", "")), "Conforming Guarded Behaviour"},
		"another rollout": {inPlace(t, warn).volumes(guarding(deny)), "Deviating GuardAltered Configuration: ValidatingAdmissionPolicy holdfast-guard-static-volumes-self-test, ValidatingAdmissionPolicy " + claims +
			", ValidatingAdmissionPolicy holdfast-guard-storage-classes-self-test, ValidatingAdmissionPolicyBinding holdfast-guard-static-volumes-self-test"},
		"faulty": {inPlace(t, deny).alter(policy, "classes", func(g *control.GuardObject) { g.Warnings = []string{"undeclared reference"} }),
			"Deviating GuardFaulty Configuration: ValidatingAdmissionPolicy holdfast-guard-storage-classes-self-test"},
		"left":                  {allowingStatic(inPlace(t, deny)), "Deviating GuardLeft Configuration: ValidatingAdmissionPolicy holdfast-guard-static-volumes-self-test, ValidatingAdmissionPolicyBinding holdfast-guard-static-volumes-self-test"},
		"not stated any more":   {dropping(inPlace(t, deny)), "Deviating GuardLeft Configuration: ValidatingAdmissionPolicy holdfast-guard-static-volumes-self-test, ValidatingAdmissionPolicy " + claims + ", ValidatingAdmissionPolicy holdfast-guard-storage-classes-self-test, ValidatingAdmissionPolicy holdfast-guard-storage-templates-self-test"},
		"no volumes stated":     {dropping(inPlace(t, deny)).noVolumes().remove(policy, ""), "Deviating GuardLeft Configuration: ValidatingAdmissionPolicyBinding holdfast-guard-static-volumes-self-test, ValidatingAdmissionPolicyBinding " + claims + ", ValidatingAdmissionPolicyBinding holdfast-guard-storage-classes-self-test, ValidatingAdmissionPolicyBinding holdfast-guard-storage-templates-self-test"},
		"left of somebody else": {allowingStatic(inPlace(t, deny)).alter(policy, "static", foreign).alter(binding, "static", foreign), "Conforming Guarded Behaviour"},
		"let through":           {inPlace(t, deny).refusing("claims", accept), "Deviating LetThrough Behaviour: ValidatingAdmissionPolicy " + claims},
		"no warning":            {inPlace(t, warn).refusing("static", accept), "Deviating LetThrough Behaviour: ValidatingAdmissionPolicy holdfast-guard-static-volumes-self-test"},
		"warned in the stead":   {inPlace(t, deny).refusing("claims", func(o *control.Observation) { o.Refused = &control.Refused{Warned: []string{claims}} }), "Deviating LetThrough Behaviour: ValidatingAdmissionPolicy " + claims},
		"another guard refused": {inPlace(t, deny).refusing("classes", func(o *control.Observation) {
			o.Refused = &control.Refused{Denied: []string{"holdfast-guard-storage-classes-other"}}
		}), "Conforming Guarded Behaviour"},
		"something else refused": {inPlace(t, deny).refusing("classes", func(o *control.Observation) { o.Refused = &control.Refused{Otherwise: "quota"} }), "NotEvaluated Inconclusive Behaviour"},
		"a foreign policy did":   {inPlace(t, deny).refusing("classes", func(o *control.Observation) { o.Refused = &control.Refused{Denied: []string{"x"}} }), "NotEvaluated Inconclusive Behaviour"},
		"not tried yet":          {newCluster().volumes(guarding(deny)).guarded(t).without(control.NeedProbes, control.ReasonInconclusive), "NotEvaluated Inconclusive Behaviour"},
		"may not try":            {inPlace(t, deny).refusing("claims", func(o *control.Observation) { o.Refused, o.Reason = nil, control.ReasonForbidden }), "NotEvaluated Forbidden Behaviour"},
		"out of date":            {inPlace(t, deny).stale(), "NotEvaluated Inconclusive Behaviour"},
		"guards are not seen":    {inPlace(t, deny).without(control.NeedGuards, control.ReasonForbidden), "NotEvaluated Forbidden Configuration"},
		"classes are not seen":   {inPlace(t, deny).without(control.NeedStorageClasses, control.ReasonForbidden), "NotEvaluated Forbidden Configuration"},
		"not as scope says":      {rescoped(inPlace(t, deny)), "Deviating GuardAltered Configuration: ValidatingAdmissionPolicyBinding " + claims + ", ValidatingAdmissionPolicyBinding holdfast-guard-storage-templates-self-test"},
	} {
		t.Run(name, func(t *testing.T) {
			got := tc.cluster.finding(t, RuleGuard)
			if diff := cmp.Diff(tc.want, brief(got)); diff != "" {
				t.Errorf("ER-04 (-want +got):\n%s\n%s", diff, got.Message)
			}
		})
	}
}

func (c *cluster) missingAll() *cluster {
	c.Snapshot.Guards = nil
	return c
}

func withKey(spec map[string]any, key string, value any) map[string]any {
	changed := map[string]any{key: value}
	for k, v := range spec {
		if k != key {
			changed[k] = v
		}
	}
	return changed
}

func foreign(g *control.GuardObject) { g.Ours = false }

// dropping has the control state no guard any more.
func dropping(c *cluster) *cluster {
	c.Control.EncryptionAtRest.Volumes.Guard = nil
	return c
}

func (c *cluster) noVolumes() *cluster {
	c.Control.EncryptionAtRest.Volumes = nil
	return c
}

// TestGuardsThatStay: a guard that is not stated is somebody else's business where the
// control only observes, where another one of the policy answers for it, where it is of
// another policy or of somebody else, and where guards cannot be seen.
func TestGuardsThatStay(t *testing.T) {
	for name, edit := range map[string]func(*cluster){
		"mode Observe":       func(c *cluster) { c.Control.Mode = v1alpha1.ModeObserve },
		"another control":    func(c *cluster) { c.GuardElsewhere = true },
		"another policy":     func(c *cluster) { c.Policy = "test" },
		"somebody else's":    func(c *cluster) { c.alter(policyKind, "", foreign).alter(bindingKind, "", foreign) },
		"guards not seen":    func(c *cluster) { c.without(control.NeedGuards, control.ReasonForbidden) },
		"in a namespace":     func(c *cluster) { inNamespace(c) },
		"the list of it all": func(c *cluster) { c.remove(policyKind, "").remove(bindingKind, "") },
	} {
		t.Run(name, func(t *testing.T) {
			c := dropping(inPlace(t, v1alpha1.GuardDeny))
			edit(c)
			for _, f := range (Control{}).Evaluate(c.Input) {
				if f.Rule == RuleGuard {
					t.Errorf("found %s", brief(f))
				}
			}
			if changes, err := (Control{}).Wants(c.Input); err != nil || len(changes) > 0 {
				t.Errorf("wanted %v (%v)", wanted(changes), err)
			}
		})
	}
}

// allowingStatic has the control allow what its guard refuses, and the parameters
// say so already.
func allowingStatic(c *cluster) *cluster {
	c.Control.EncryptionAtRest.Volumes.Guard.StaticVolumes = staticAllowed
	return c.alter(paramKind, "claims", func(g *control.GuardObject) { g.Spec = withKey(g.Spec, "allowStatic", true) })
}

func rescoped(c *cluster) *cluster {
	scope := c.Scope.DeepCopy()
	scope.Exclusions = []v1alpha1.Exclusion{{Namespaces: []string{"legacy"}, Reason: "RISK-2"}}
	c.Scope = scope
	return c
}

// TestGuardScope: guards hold where the policy does, and nowhere else.
func TestGuardScope(t *testing.T) {
	c := newCluster().volumes(guarding(v1alpha1.GuardDeny))
	c.Scope.NamespaceSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "a", Operator: metav1.LabelSelectorOpExists}}
	c.Scope.Exclusions = []v1alpha1.Exclusion{{Namespaces: []string{"b", "a"}, Reason: "r"}, {Namespaces: []string{"a"}, Reason: "r"}}
	want := map[string]any{
		"matchLabels": map[string]any{"tier": "vault"},
		"matchExpressions": []any{
			map[string]any{"key": "a", "operator": "Exists"},
			map[string]any{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": []any{"a", "b", "kube-system"}},
		},
	}
	if diff := cmp.Diff(want, guardsOf(c.Input).namespaces()); diff != "" {
		t.Errorf("namespaceSelector (-want +got):\n%s", diff)
	}
	c.Scope = &v1alpha1.Scope{BuiltinExclusions: []string{}}
	if diff := cmp.Diff(map[string]any{}, guardsOf(c.Input).namespaces()); diff != "" {
		t.Errorf("namespaceSelector of everything (-want +got):\n%s", diff)
	}
}

// TestGuardActions: while a guard is only tried out it refuses nothing, whatever fails.
func TestGuardActions(t *testing.T) {
	for rollout, want := range map[v1alpha1.GuardRollout]map[string]string{
		"":                  {"actions": "Audit", "templates": "Audit", "failure": "Ignore", "missing": "Allow"},
		v1alpha1.GuardAudit: {"actions": "Audit", "templates": "Audit", "failure": "Ignore", "missing": "Allow"},
		v1alpha1.GuardWarn:  {"actions": "Warn Audit", "templates": "Warn Audit", "failure": "Ignore", "missing": "Allow"},
		v1alpha1.GuardDeny:  {"actions": "Deny Audit", "templates": "Warn Audit", "failure": "Fail", "missing": "Deny"},
	} {
		got := map[string]string{}
		for _, o := range guardsOf(newCluster().volumes(guarding(rollout)).Input).objects() {
			templates := strings.Contains(o.name, guardTemplates)
			switch {
			case o.kind == bindingKind && templates:
				got["templates"] = words(o.spec["validationActions"])
			case o.kind == bindingKind:
				got["actions"] = words(o.spec["validationActions"])
			case o.kind == policyKind && templates && o.spec["failurePolicy"] != "Ignore":
				t.Errorf("rollout %q: claim templates are refused where they cannot be evaluated", rollout)
			case o.kind == policyKind && !templates:
				got["failure"] = o.spec["failurePolicy"].(string)
			}
			if ref, refers := o.spec["paramRef"].(map[string]any); refers && !templates {
				got["missing"] = ref["parameterNotFoundAction"].(string)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rollout %q (-want +got):\n%s", rollout, diff)
		}
	}
}

func words(list any) string {
	var all []string
	for _, word := range list.([]any) {
		all = append(all, word.(string))
	}
	return strings.Join(all, " ")
}

// TestGuardUntil: an attestation that expires changes what is wanted.
func TestGuardUntil(t *testing.T) {
	v := guarding(v1alpha1.GuardAudit)
	v.Attestations = []v1alpha1.VolumeAttestation{attest(p, now.Add(time.Hour), byProvisioner("nfs")), attest(p, now.Add(-time.Hour), byClass("old"))}
	got := newCluster().volumes(v).guarded(t)
	if until := got.finding(t, RuleGuard).Until; !until.Equal(now.Add(time.Hour)) {
		t.Errorf("Until = %s", until)
	}
	got.Now = now.Add(time.Hour)
	if f := got.finding(t, RuleGuard); f.Reason != ReasonGuardAltered {
		t.Errorf("after the attestation expired: %s", brief(f))
	}
}

// wanted is what is wanted, in brief: a + or - for what is to be applied or removed,
// = for what is in place.
func wanted(changes []control.Change) []string {
	var words []string
	for _, c := range changes {
		sign := "+"
		switch {
		case c.Remove:
			sign = "-"
		case c.InPlace:
			sign = "="
		}
		word := sign + c.Kind + " " + c.Name
		if mark, marks := c.Annotations[defaultClassAnnotation]; marks {
			word += " default=" + mark
		}
		words = append(words, word)
	}
	return words
}

func TestWants(t *testing.T) {
	stating := func(v v1alpha1.VolumeEncryption) *cluster { return newCluster().volumes(v) }
	template := &v1alpha1.StorageClassTemplate{Name: "vault", Provisioner: "ebs.csi.aws.com", Parameters: values("encrypted=true")}
	guards := []string{
		"EncryptedStorageClasses holdfast-guard-storage-claims-self-test",
		"ValidatingAdmissionPolicy holdfast-guard-storage-claims-self-test", "ValidatingAdmissionPolicyBinding holdfast-guard-storage-claims-self-test",
		"ValidatingAdmissionPolicy holdfast-guard-storage-templates-self-test", "ValidatingAdmissionPolicyBinding holdfast-guard-storage-templates-self-test",
		"ValidatingAdmissionPolicy holdfast-guard-storage-classes-self-test", "ValidatingAdmissionPolicyBinding holdfast-guard-storage-classes-self-test",
		"ValidatingAdmissionPolicy holdfast-guard-static-volumes-self-test", "ValidatingAdmissionPolicyBinding holdfast-guard-static-volumes-self-test",
	}
	all := func(sign string) []string {
		var words []string
		for _, g := range guards {
			words = append(words, sign+g)
		}
		return words
	}
	var gone []string
	for _, kind := range []string{bindingKind, policyKind} {
		for _, g := range guards {
			if strings.HasPrefix(g, kind+" ") {
				gone = append(gone, "-"+g)
			}
		}
	}
	for name, tc := range map[string]struct {
		cluster *cluster
		want    []string
		refused []string
	}{
		"nothing":                     {cluster: stating(v1alpha1.VolumeEncryption{})},
		"nothing without volumes":     {cluster: newCluster()},
		"the default as it is":        {cluster: stating(v1alpha1.VolumeEncryption{DefaultClass: "fast"}), want: []string{"=StorageClass fast default=true"}},
		"another default":             {cluster: stating(v1alpha1.VolumeEncryption{DefaultClass: "archive"}), want: []string{"+StorageClass archive default=true", "+StorageClass fast default=false"}},
		"one too many":                {cluster: stating(v1alpha1.VolumeEncryption{DefaultClass: "fast"}).defaults("fast", "archive"), want: []string{"=StorageClass fast default=true", "+StorageClass archive default=false"}},
		"a default that is not there": {cluster: stating(v1alpha1.VolumeEncryption{DefaultClass: "vault"})},
		"a default in the clear": {cluster: stating(v1alpha1.VolumeEncryption{DefaultClass: "plain"}).class(storageClass("plain", "ebs.csi.aws.com", "")),
			refused: []string{v1alpha1.ReasonDefaultClassRefused}},
		"a class":                {cluster: stating(v1alpha1.VolumeEncryption{ClassTemplate: template}), want: []string{"+StorageClass vault"}},
		"a class that is there":  {cluster: stating(v1alpha1.VolumeEncryption{ClassTemplate: template}).class(storageClass("vault", "disks.example.com", ""))},
		"a class as the default": {cluster: stating(v1alpha1.VolumeEncryption{ClassTemplate: template, DefaultClass: "vault"}), want: []string{"+StorageClass vault"}},
		"that class is there": {cluster: stating(v1alpha1.VolumeEncryption{ClassTemplate: template, DefaultClass: "vault"}).class(storageClass("vault", "ebs.csi.aws.com", "encrypted=true")),
			want: []string{"+StorageClass vault default=true", "+StorageClass fast default=false"}},
		"guards":          {cluster: stating(guarding(v1alpha1.GuardDeny)), want: all("+")},
		"guards in place": {cluster: inPlace(t, v1alpha1.GuardDeny), want: all("=")},
		"guards with static volumes allowed": {cluster: allowingStatic(inPlace(t, v1alpha1.GuardDeny)),
			want: append(all("=")[:7:7], all("-")[7:]...)},
		"that are not ours to remove": {cluster: allowingStatic(inPlace(t, v1alpha1.GuardDeny)).alter(policyKind, "static", foreign).alter(bindingKind, "static", foreign),
			want: all("=")[:7]},
		"guards that are not stated any more": {cluster: dropping(inPlace(t, v1alpha1.GuardDeny)), want: gone},
		"guards of no volumes":                {cluster: dropping(inPlace(t, v1alpha1.GuardDeny)).noVolumes(), want: gone},
		"a name is taken": {cluster: inPlace(t, v1alpha1.GuardDeny).alter(paramKind, "", func(g *control.GuardObject) { g.Ours, g.Spec = false, nil }),
			want: all("=")[1:], refused: []string{v1alpha1.ReasonNameCollision}},
		"somebody else's, as wanted":  {cluster: inPlace(t, v1alpha1.GuardDeny).alter(paramKind, "", foreign), want: all("=")},
		"guards that cannot be seen":  {cluster: stating(guarding(v1alpha1.GuardDeny)).without(control.NeedGuards, control.ReasonForbidden)},
		"classes that cannot be seen": {cluster: stating(guarding(v1alpha1.GuardDeny)).without(control.NeedStorageClasses, control.ReasonForbidden)},
	} {
		t.Run(name, func(t *testing.T) {
			changes, err := Control{}.Wants(tc.cluster.Input)
			if diff := cmp.Diff(tc.want, wanted(changes)); diff != "" {
				t.Errorf("Wants (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.refused, reasons(err)); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			for _, c := range changes {
				if c.Kind == "PersistentVolume" || c.Kind == "PersistentVolumeClaim" || c.Foreign && (c.Fields != nil || c.Spec != nil) {
					t.Errorf("%s %s is touched", c.Kind, c.Name)
				}
			}
		})
	}
}

func reasons(err error) []string {
	if err == nil {
		return nil
	}
	if joined, many := err.(interface{ Unwrap() []error }); many {
		var all []string
		for _, one := range joined.Unwrap() {
			all = append(all, reasons(one)...)
		}
		return all
	}
	var refusal *control.Refusal
	if !errors.As(err, &refusal) {
		return []string{err.Error()}
	}
	return []string{refusal.Reason}
}

// TestTemplateFields: a class is created as stated, and with Kubernetes' own words
// for what is not.
func TestTemplateFields(t *testing.T) {
	v := v1alpha1.VolumeEncryption{ClassTemplate: &v1alpha1.StorageClassTemplate{Name: "vault", Provisioner: "ebs.csi.aws.com",
		Parameters: values("encrypted=true"), AllowVolumeExpansion: "Forbidden"}}
	changes, err := Control{}.Wants(newCluster().volumes(v).Input)
	if err != nil || len(changes) != 1 {
		t.Fatalf("%v, %v", changes, err)
	}
	want := map[string]any{"provisioner": "ebs.csi.aws.com", "parameters": map[string]any{"encrypted": "true"}, "reclaimPolicy": "Delete",
		"volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": false}
	if diff := cmp.Diff(want, changes[0].Fields); diff != "" || changes[0].Foreign {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestDefaultClass(t *testing.T) {
	none := newCluster().volumes(v1alpha1.VolumeEncryption{})
	none.Snapshot.StorageClasses = nil
	plain := storageClass("plain", "ebs.csi.aws.com", "")
	stating := func(v v1alpha1.VolumeEncryption) *cluster { return newCluster().volumes(v) }
	vault := v1alpha1.VolumeEncryption{DefaultClass: "vault"}
	for name, tc := range map[string]struct {
		cluster *cluster
		want    string
	}{
		"one":                      {stating(v1alpha1.VolumeEncryption{}), "Conforming OneDefault Configuration"},
		"the one":                  {stating(v1alpha1.VolumeEncryption{DefaultClass: "fast"}), "Conforming OneDefault Configuration"},
		"none":                     {stating(v1alpha1.VolumeEncryption{}).defaults(), "Deviating NoDefault Configuration"},
		"none where one is stated": {stating(v1alpha1.VolumeEncryption{DefaultClass: "fast"}).defaults(), "Deviating NoDefault Configuration: StorageClass fast"},
		"two":                      {stating(v1alpha1.VolumeEncryption{}).defaults("fast", "archive"), "Deviating SeveralDefaults Configuration: StorageClass archive, StorageClass fast"},
		"two, and one is stated":   {stating(v1alpha1.VolumeEncryption{DefaultClass: "fast"}).defaults("fast", "archive"), "Deviating OtherDefault Configuration: StorageClass archive"},
		"another":                  {stating(v1alpha1.VolumeEncryption{DefaultClass: "archive"}), "Deviating OtherDefault Configuration: StorageClass fast"},
		"not there":                {stating(vault), "Deviating ClassAbsent Configuration: StorageClass vault"},
		"a template not there":     {stating(v1alpha1.VolumeEncryption{ClassTemplate: &v1alpha1.StorageClassTemplate{Name: "vault"}}), "Deviating ClassAbsent Configuration: StorageClass vault"},
		"in the clear":             {stating(v1alpha1.VolumeEncryption{}).class(plain).defaults("plain"), "Deviating DefaultUnencrypted Configuration: StorageClass plain"},
		"attested":                 {stating(attesting(attest(p, now.Add(time.Hour), byClass("plain")))).class(plain).defaults("plain"), "Conforming OneDefault Attestation"},
		"attested too long ago":    {stating(attesting(attest(p, now, byClass("plain")))).class(plain).defaults("plain"), "Deviating AttestationExpired Attestation: StorageClass plain"},
		"no class at all":          {none, "NotApplicable NoClasses Configuration"},
		"not seen":                 {stating(v1alpha1.VolumeEncryption{}).without(control.NeedStorageClasses, control.ReasonForbidden), "NotEvaluated Forbidden Configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			got := tc.cluster.finding(t, RuleDefaultClass)
			if diff := cmp.Diff(tc.want, brief(got)); diff != "" {
				t.Errorf("ER-02 (-want +got):\n%s\n%s", diff, got.Message)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	both := v1alpha1.APIServerEncryption{Resources: []string{"secrets", "configmaps"}, Every: &metav1.Duration{Duration: time.Minute}}
	for name, tc := range map[string]struct {
		cluster *cluster
		want    []string
	}{
		"canaries":                     {newCluster().apiServer(both), []string{"1m0s " + endpointA + " configmaps", "1m0s " + endpointA + " secrets", "1m0s " + endpointB + " configmaps", "1m0s " + endpointB + " secrets"}},
		"by default":                   {newCluster().apiServer(v1alpha1.APIServerEncryption{}), []string{"15m0s " + endpointA + " secrets", "15m0s " + endpointB + " secrets"}},
		"no endpoints":                 {unreachable(), nil},
		"a guard that denies":          {inPlace(t, v1alpha1.GuardDeny), []string{"Deny storage-claims PersistentVolumeClaim", "Deny storage-classes StorageClass", "Deny static-volumes PersistentVolume"}},
		"one that warns":               {inPlace(t, v1alpha1.GuardWarn), []string{"Warn storage-claims PersistentVolumeClaim", "Warn storage-classes StorageClass", "Warn static-volumes PersistentVolume"}},
		"one that only notes":          {inPlace(t, v1alpha1.GuardAudit), nil},
		"one that is not there":        {newCluster().volumes(guarding(v1alpha1.GuardDeny)), nil},
		"one that is altered":          {inPlace(t, v1alpha1.GuardDeny).remove(bindingKind, "claims"), nil},
		"one that allows the static":   {allowingStatic(inPlace(t, v1alpha1.GuardDeny)), []string{"Deny storage-claims PersistentVolumeClaim", "Deny storage-classes StorageClass"}},
		"nothing in a namespace":       {inNamespace(newCluster().apiServer(both)), nil},
		"nothing without observations": {inPlace(t, v1alpha1.GuardDeny).without(control.NeedGuards, control.ReasonForbidden), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, target := range (Control{}).Targets(tc.cluster.Input) {
				if target.Canary != nil {
					got = append(got, target.Every.String()+" "+target.Canary.Endpoint+" "+target.Canary.Resource)
					continue
				}
				what := strings.TrimSuffix(strings.TrimPrefix(target.Guard.Policy, control.GuardPrefix), "-self-test")
				got = append(got, target.Revision+" "+what+" "+target.Guard.Object["kind"].(string))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Targets (-want +got):\n%s", diff)
			}
		})
	}
}

func inNamespace(c *cluster) *cluster {
	c.Snapshot.Namespace = control.Namespace{Name: "web"}
	return c
}

// TestTargetsFollowFlags: an API server with other flags is probed right away.
func TestTargetsFollowFlags(t *testing.T) {
	revision := func(c *cluster) string { return Control{}.Targets(c.Input)[0].Revision }
	before := newCluster().apiServer(v1alpha1.APIServerEncryption{})
	same := newCluster().apiServer(v1alpha1.APIServerEncryption{})
	slices.Reverse(same.Snapshot.APIServerPods)
	switch {
	case revision(before) == "" || revision(before) != revision(same):
		t.Errorf("revisions of the same flags: %q, %q", revision(before), revision(same))
	case revision(before.withoutFlag(0)) == revision(same):
		t.Errorf("the revision is the same with other flags")
	case revision(same.managed()) != "":
		t.Errorf("a revision where no flags are seen")
	}
}
