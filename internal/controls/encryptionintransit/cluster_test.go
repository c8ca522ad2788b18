package encryptionintransit

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestAPIServers(t *testing.T) {
	with := func(fields string) *scene {
		return clusterStage(t, `apiServer: {`+fields+`}`).change(func(in *control.Input) {
			in.Snapshot.Lifelines = &control.Lifelines{APIServer: []control.Endpoint{
				{Address: "10.0.0.1", Port: control.Port{Protocol: "TCP", Port: 6443}},
			}}
		})
	}
	seen := func(fields string) string {
		return `handshake: {address: 10.0.0.1, port: 6443, host: kubernetes.default.svc}, ` + fresh + `, ` + fields
	}
	served := func(versions string) string {
		return seen(`served: {versions: [` + versions + `], leaf: ` + leaf("aa", "kubernetes.default.svc", sound) + `}`)
	}
	of := func(fields string) *scene { return with(``).seen(fields) }
	judge(t, RuleAPIServer, map[string]judged{
		"1.2 and 1.3":        {scene: of(served(`"1.2", "1.3"`)), want: "Conforming Served", wantBasis: control.BasisBehaviour},
		"1.1 too":            {scene: of(served(`"1.1", "1.2", "1.3"`)), want: "Deviating OldVersion: the API server at 10.0.0.1 accepts TLS 1.1", wantBasis: control.BasisBehaviour},
		"1.3 is due":         {scene: with(`minimumTLSVersion: "1.3"`).seen(served(`"1.2", "1.3"`)), want: "Deviating OldVersion: the API server at 10.0.0.1 accepts TLS 1.2", wantBasis: control.BasisBehaviour},
		"expired":            {scene: of(seen(`served: {versions: ["1.3"], leaf: ` + leaf("aa", "kubernetes.default.svc", `notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-03-01T00:00:00Z", key: RSA, bits: 2048, signature: SHA256-RSA`) + `}`)), want: "Deviating Expired: the certificate of the API server at 10.0.0.1 has expired", wantBasis: control.BasisBehaviour},
		"plain":              {scene: of(seen(`served: {plain: true}`)), want: "Deviating PlainOnTLSPort: the API server at 10.0.0.1 answers in the clear", wantBasis: control.BasisBehaviour},
		"refused":            {scene: of(seen(`served: {refused: true}`)), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"nothing accepted":   {scene: of(seen(`served: {}`)), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"not probed":         {scene: with(``), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"another one":        {scene: of(served(`"1.3"`)).change(func(in *control.Input) { in.Snapshot.Lifelines.APIServer[0].Address = "10.0.0.2" }), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"no address":         {scene: clusterStage(t, `apiServer: {}`), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"not observed":       {scene: with(``).unavailable(control.NeedEndpointSlices, control.ReasonFailed), want: "NotEvaluated Failed", wantBasis: control.BasisBehaviour},
		"a name, no address": {scene: with(``).change(func(in *control.Input) { in.Snapshot.Lifelines.APIServer[0].Address = "api.example.com" }), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
	})
}

// guardScene is the cluster under a control with a guard that is in place.
func guardScene(t *testing.T, rollout v1alpha1.GuardRollout) *scene {
	t.Helper()
	s := clusterStage(t, `ingress: {guard: {rollout: `+string(rollout)+`}}`).enforced()
	changes, err := Control{}.Wants(s.Input)
	if err != nil || len(changes) != 2 {
		t.Fatalf("wanted %d objects (%v)", len(changes), err)
	}
	for _, c := range changes {
		s.Snapshot.Guards = append(s.Snapshot.Guards, control.GuardObject{
			Meta: control.Meta{Name: c.Name, UID: c.Kind}, APIVersion: c.APIVersion, Kind: c.Kind, Spec: asServed(t, c.Spec), Ours: true,
		})
	}
	return s
}

// asServed returns a spec as it is read from JSON.
func asServed(t *testing.T, spec map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	var served map[string]any
	if err := json.Unmarshal(text, &served); err != nil {
		t.Fatal(err)
	}
	return served
}

const tried = `guard: {policy: holdfast-guard-ingress-tls-baseline, object: {}}, ` + fresh

func TestGuard(t *testing.T) {
	const name = "holdfast-guard-ingress-tls-baseline"
	of := func(rollout v1alpha1.GuardRollout, fields string) *scene {
		return guardScene(t, rollout).seen(tried + fields)
	}
	deny, warn := v1alpha1.GuardDeny, v1alpha1.GuardWarn
	behaviour := control.BasisBehaviour
	judge(t, RuleGuard, map[string]judged{
		"refuses":             {scene: of(deny, `, refused: {denied: [`+name+`]}`), want: "Conforming Guarded", wantBasis: behaviour},
		"lets through":        {scene: of(deny, `, refused: {}`), want: "Deviating LetThrough: an Ingress without TLS was let through in a dry run", wantBasis: behaviour},
		"only warns":          {scene: of(deny, `, refused: {warned: [`+name+`]}`), want: "Deviating LetThrough: an Ingress without TLS was let through in a dry run", wantBasis: behaviour},
		"another one refuses": {scene: of(deny, `, refused: {denied: [other]}`), want: "NotEvaluated Inconclusive", wantBasis: behaviour},
		"a webhook refuses":   {scene: of(deny, `, refused: {otherwise: a webhook}`), want: "NotEvaluated Inconclusive", wantBasis: behaviour},
		"not seen":            {scene: of(deny, ``), want: "NotEvaluated Inconclusive", wantBasis: behaviour},
		"not tried":           {scene: guardScene(t, deny), want: "NotEvaluated Inconclusive", wantBasis: behaviour},
		"forbidden":           {scene: of(deny, `, reason: Forbidden, message: x`), want: "NotEvaluated Forbidden", wantBasis: behaviour},
		"warns":               {scene: of(warn, `, refused: {warned: [`+name+`]}`), want: "Conforming Guarded", wantBasis: behaviour},
		"does not warn":       {scene: of(warn, `, refused: {}`), want: "Deviating LetThrough: an Ingress without TLS was let through without a warning in a dry run", wantBasis: behaviour},
		"audits":              {scene: guardScene(t, v1alpha1.GuardAudit), want: "Conforming Guarded"},
		"absent":              {scene: of(deny, `, refused: {}`).change(func(in *control.Input) { in.Snapshot.Guards = in.Snapshot.Guards[:1] }), want: "Deviating Absent: ValidatingAdmissionPolicyBinding " + name + " does not exist"},
		"altered":             {scene: of(deny, `, refused: {denied: [`+name+`]}`).change(func(in *control.Input) { in.Snapshot.Guards[1].Spec["validationActions"] = []any{"Audit"} }), want: "Deviating Altered: ValidatingAdmissionPolicyBinding " + name + " is not as it was applied"},
		"not understood":      {scene: of(deny, `, refused: {denied: [`+name+`]}`).change(func(in *control.Input) { in.Snapshot.Guards[0].Warnings = []string{"undefined field."} }), want: "NotEvaluated Inconclusive", wantBasis: behaviour},
		"not observed":        {scene: guardScene(t, deny).unavailable(control.NeedGuards, control.ReasonForbidden), want: "NotEvaluated Forbidden"},
		"scope not known":     {scene: guardScene(t, deny).change(func(in *control.Input) { in.Scope = nil }), want: "NotEvaluated Inconclusive", wantBasis: behaviour},
		"observe":             {scene: guardScene(t, deny).change(func(in *control.Input) { in.Control.Mode = v1alpha1.ModeObserve }), want: "NotApplicable ObserveOnly"},
		"revoked":             {scene: guardScene(t, deny).change(func(in *control.Input) { in.Control.EncryptionInTransit.Ingress.Guard = nil }), want: "Deviating Revoked: ValidatingAdmissionPolicy " + name + " is not stated any more, ValidatingAdmissionPolicyBinding " + name + " is not stated any more"},
	})
}

// TestGuardOfOthers: what is not Holdfast's is neither changed nor removed.
func TestGuardOfOthers(t *testing.T) {
	s := guardScene(t, v1alpha1.GuardDeny)
	for i := range s.Snapshot.Guards {
		s.Snapshot.Guards[i].Ours = false
	}
	changes, err := Control{}.Wants(s.Input)
	if diff := cmp.Diff([]string{v1alpha1.ReasonNameCollision, v1alpha1.ReasonNameCollision}, refusals(err)); diff != "" || len(changes) > 0 {
		t.Errorf("wanted %v, refused (-want +got):\n%s", briefly(changes), diff)
	}
	s.Control.EncryptionInTransit.Ingress.Guard = nil
	if findings := (Control{}).Evaluate(s.Input); len(findings) > 0 {
		t.Errorf("found %+v", findings)
	}
	if changes, err := (Control{}).Wants(s.Input); err != nil || len(changes) > 0 {
		t.Errorf("wanted %v (%v)", briefly(changes), err)
	}
}

// TestGuardOfAnotherControl: of the controls of a policy only the one that answers for
// the guard has it removed.
func TestGuardOfAnotherControl(t *testing.T) {
	s := guardScene(t, v1alpha1.GuardDeny)
	s.Control.EncryptionInTransit.Ingress.Guard = nil
	if changes, err := (Control{}).Wants(s.Input); err != nil || len(changes) != 2 {
		t.Errorf("wanted %v (%v), want both objects gone", briefly(changes), err)
	}
	s.GuardElsewhere = true
	if findings := (Control{}).Evaluate(s.Input); len(findings) > 0 {
		t.Errorf("found %+v", findings)
	}
	if changes, err := (Control{}).Wants(s.Input); err != nil || len(changes) > 0 {
		t.Errorf("wanted %v (%v)", briefly(changes), err)
	}
}

// TestGuardOverTheScope: the guard holds where the policy does, and nowhere else.
func TestGuardOverTheScope(t *testing.T) {
	s := clusterStage(t, `ingress: {guard: {}}`).enforced()
	s.read(`namespaceSelector: {matchLabels: {tier: production}, matchExpressions: [{key: paused, operator: DoesNotExist}]},
		exclusions: [{namespaces: [legacy, batch], reason: r}, {namespaces: [legacy], reason: r}], builtinExclusions: [kube-system]`, s.Scope)
	changes, err := Control{}.Wants(s.Input)
	if err != nil || len(changes) != 2 {
		t.Fatalf("wanted %v (%v)", briefly(changes), err)
	}
	want := map[string]any{
		"matchLabels": map[string]any{"tier": "production"},
		"matchExpressions": []any{
			map[string]any{"key": "paused", "operator": "DoesNotExist"},
			map[string]any{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": []any{"batch", "kube-system", "legacy"}},
		},
	}
	got := asServed(t, changes[1].Spec)["matchResources"].(map[string]any)["namespaceSelector"]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	if actions := changes[1].Spec["validationActions"]; !slices.Equal(actions.([]any), []any{"Audit"}) {
		t.Errorf("the rollout is %v, want Audit where none is stated", actions)
	}
}

// TestClusterHasItsOwnRules: the cluster is judged by no rule of namespaces, and
// the other way round.
func TestClusterHasItsOwnRules(t *testing.T) {
	const everything = `ingress: {guard: {}}, gateway: {}, mesh: {provider: Istio}, services: {}, certificates: {}, apiServer: {}`
	of := func(s *scene) []string {
		var rules []string
		for _, f := range (Control{}).Evaluate(s.enforced().Input) {
			rules = append(rules, f.Rule)
		}
		return rules
	}
	if diff := cmp.Diff([]string{RuleAPIServer, RuleGuard}, of(clusterStage(t, everything))); diff != "" {
		t.Errorf("the cluster (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{RuleMesh, RuleIssued}, of(stage(t, everything))); diff != "" {
		t.Errorf("an empty namespace (-want +got):\n%s", diff)
	}
}

// TestNeeds: what is judged is observed: an evaluator sees nothing else.
func TestNeeds(t *testing.T) {
	cases := map[string]struct {
		fields string
		mode   v1alpha1.Mode
		want   []control.Need
	}{
		"nothing":            {},
		"Ingresses":          {fields: `ingress: {}`, want: []control.Need{control.NeedIngresses, control.NeedProbes}},
		"a template":         {fields: `ingress: {certificateTemplate: {issuerRef: {name: ca}}}`, want: []control.Need{control.NeedCertificates, control.NeedIngresses, control.NeedProbes}},
		"enforced":           {fields: `ingress: {}`, mode: v1alpha1.ModeEnforce, want: []control.Need{control.NeedGuards, control.NeedIngresses, control.NeedProbes}},
		"Gateways":           {fields: `gateway: {}`, want: []control.Need{control.NeedGateways, control.NeedProbes}},
		"a mesh":             {fields: `mesh: {provider: Istio}`, want: []control.Need{control.NeedAdmissionBackends, control.NeedEndpointSlices, control.NeedMesh}},
		"Services":           {fields: `services: {meshed: Judge}`, want: []control.Need{control.NeedServices, control.NeedServiceSubjects}},
		"Services in a mesh": {fields: `services: {}`, want: []control.Need{control.NeedMesh, control.NeedServices, control.NeedServiceSubjects}},
		"Certificates":       {fields: `certificates: {}`, want: []control.Need{control.NeedCertificates}},
		"API servers":        {fields: `apiServer: {}`, want: []control.Need{control.NeedEndpointSlices, control.NeedProbes}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := stage(t, tc.fields).Control
			spec.Mode = tc.mode
			want := append([]control.Need{control.NeedNamespaces, control.NeedPods}, tc.want...)
			slices.Sort(want)
			if diff := cmp.Diff(want, Control{}.Needs(spec)); diff != "" {
				t.Errorf("needs (-want +got):\n%s", diff)
			}
		})
	}
	if needs := (Control{}).Needs(v1alpha1.ControlSpec{}); needs != nil {
		t.Errorf("another type's control needs %v", needs)
	}
}
