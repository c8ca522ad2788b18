package encryptionintransit

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

func minutes(n int) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(n) * time.Minute}
}

// keysOf are the keys of targets, with their intervals.
func keysOf(targets []control.Target) []string {
	var all []string
	for _, t := range targets {
		all = append(all, t.Key()+" "+brief(t.Every))
	}
	return all
}

func TestTargets(t *testing.T) {
	cases := map[string]struct {
		scene *scene
		want  []string
	}{
		"certificates only": {
			scene: stage(t, configured).ingress(covering),
			want:  []string{`{"certificate":{"namespace":"shop","secret":"a"}} 15m`},
		},
		"at a stated endpoint": {
			scene: stage(t, `ingress: {handshake: {every: 1h, endpoints: [{ingressClassName: nginx, address: edge.svc, httpsPort: 8443, httpPort: 8080}]}}`).ingress(covering + `, addresses: [10.0.0.1]`),
			want: []string{
				`{"handshake":{"address":"edge.svc","port":8443,"httpPort":8080,"host":"a.example.com","secret":{"namespace":"shop","secret":"a"}}} 1h`,
				`{"certificate":{"namespace":"shop","secret":"a"}} 1h`,
			},
		},
		"at the addresses of the status": {
			scene: stage(t, `ingress: {certificates: Ignore, handshake: {endpoints: [{ingressClassName: other, address: 10.0.0.9}]}}`).ingress(covering + `, addresses: [10.0.0.1, lb.example.com]`),
			want: []string{
				`{"handshake":{"address":"10.0.0.1","port":443,"httpPort":80,"host":"a.example.com"}} 6h`,
				`{"handshake":{"address":"lb.example.com","port":443,"httpPort":80,"host":"a.example.com"}} 6h`,
			},
		},
		"of Ingresses without a class": {
			scene: stage(t, `ingress: {certificates: Ignore, handshake: {endpoints: [{ingressClassName: "", address: 10.0.0.9}]}}`).ingress(`class: "", hosts: [a.x]`),
			want:  []string{`{"handshake":{"address":"10.0.0.9","port":443,"httpPort":80,"host":"a.x"}} 6h`},
		},
		"a wildcard and every host": {
			scene: stage(t, `ingress: {certificates: Ignore, handshake: {}}`).ingress(`hosts: ["*.x", ""], defaultBackend: true, addresses: [10.0.0.1]`),
			want: []string{
				`{"handshake":{"address":"10.0.0.1","port":443,"httpPort":80,"host":""}} 6h`,
				`{"handshake":{"address":"10.0.0.1","port":443,"httpPort":80,"host":"holdfast.x"}} 6h`,
			},
		},
		"of two Ingresses once": {
			scene: stage(t, `ingress: {certificates: Ignore, handshake: {}}`).ingress(`hosts: [a.x], addresses: [10.0.0.1]`).ingress(`name: b, hosts: [a.x], addresses: [10.0.0.1]`),
			want:  []string{`{"handshake":{"address":"10.0.0.1","port":443,"httpPort":80,"host":"a.x"}} 6h`},
		},
		"an ACME challenge": {scene: stage(t, probed).ingress(`hosts: [a.x], solver: true`)},
		"Gateways": {
			scene: stage(t, `gateway: {}`).gateway(`name: g, uid: g1, kind: Gateway, listeners: [{name: l, protocol: HTTPS, port: 443, mode: Terminate, certificates: [
				{kind: Secret, namespace: shop, name: a, granted: true}, {kind: Secret, namespace: certs, name: b, granted: true},
				{kind: Secret, namespace: certs, name: c}, {group: example.com, kind: Vault, namespace: shop, name: d, granted: true}]}]`),
			want: []string{`{"certificate":{"namespace":"shop","secret":"a"}} 15m`, `{"certificate":{"namespace":"certs","secret":"b"}} 15m`},
		},
		"API servers": {
			scene: clusterStage(t, `apiServer: {every: 30m}`).change(func(in *control.Input) {
				in.Snapshot.Lifelines = &control.Lifelines{APIServer: []control.Endpoint{
					{Address: "10.0.0.1", Port: control.Port{Protocol: "TCP", Port: 6443}}, {Address: "10.0.0.1", Port: control.Port{Protocol: "UDP", Port: 6443}},
					{Address: "fd00::1", Port: control.Port{Protocol: "TCP", Port: 6443}},
				}}
			}),
			want: []string{
				`{"handshake":{"address":"10.0.0.1","port":6443,"host":"kubernetes.default.svc"}} 30m`,
				`{"handshake":{"address":"fd00::1","port":6443,"host":"kubernetes.default.svc"}} 30m`,
			},
		},
		"API servers, in a namespace":      {scene: stage(t, `apiServer: {}`)},
		"a guard that only audits":         {scene: clusterStage(t, `ingress: {guard: {}}`).enforced()},
		"a guard that is not applied":      {scene: clusterStage(t, `ingress: {guard: {rollout: Deny}}`)},
		"Ingresses, seen from the cluster": {scene: clusterStage(t, probed).ingress(covering)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, keysOf(Control{}.Targets(tc.scene.Input))); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTargetsOfTheGuard: what is tried is an Ingress without TLS, again as soon as
// the guard's objects change.
func TestTargetsOfTheGuard(t *testing.T) {
	s := guardScene(t, v1alpha1.GuardDeny)
	targets := Control{}.Targets(s.Input)
	if len(targets) != 1 || targets[0].Guard == nil || targets[0].Guard.Policy != "holdfast-guard-ingress-tls-baseline" || targets[0].Every != guardEvery {
		t.Fatalf("targets %v", keysOf(targets))
	}
	s.Snapshot.Guards = s.Snapshot.Guards[:1]
	if again := (Control{}).Targets(s.Input); again[0].Revision == targets[0].Revision || again[0].Key() != targets[0].Key() {
		t.Errorf("revision %s, then %s", targets[0].Revision, again[0].Revision)
	}
}

// TestTargetsFollowTheIngress: a host is probed again when its Ingress says
// something else, and not when merely its status does.
func TestTargetsFollowTheIngress(t *testing.T) {
	of := func(fields string) string {
		targets := Control{}.Targets(stage(t, probed).ingress(covering + fields).Input)
		return targets[0].Revision
	}
	if of(``) != of(`, addresses: [10.0.0.1]`) {
		t.Error("the revision changes with the status")
	}
	for _, fields := range []string{`, annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "true"}`, `, defaultBackend: true`, `, controller: x`} {
		if of(``) == of(fields) {
			t.Errorf("the revision is the same with %s", fields)
		}
	}
}

// TestEveryTargetIsLookedFor: the evaluator looks for exactly what it has probed:
// with nothing seen no rule that rests on it is decided.
func TestEveryTargetIsLookedFor(t *testing.T) {
	s := stage(t, probed).ingress(`defaultBackend: true, hosts: ["*.x", a.x], tls: [{hosts: ["*.x"], secret: a}, {secret: b}]`)
	for _, target := range (Control{}).Targets(s.Input) {
		s.Snapshot.Observations = append(s.Snapshot.Observations, control.Observation{
			Target: target, At: now, ValidUntil: now.Add(time.Hour), Reason: control.ReasonFailed, Message: "Looked for.",
		})
	}
	var looked []string
	for _, f := range (Control{}).Evaluate(s.Input) {
		if f.Reason == control.ReasonFailed {
			looked = append(looked, f.Rule)
		}
	}
	if diff := cmp.Diff([]string{RuleCoverage, RuleCertificates, RuleRedirect, RuleHandshake}, looked); diff != "" {
		t.Errorf("rules that saw it (-want +got):\n%s", diff)
	}
}

// TestUntil: a finding says when time alone turns it, and does turn then.
func TestUntil(t *testing.T) {
	const ends = `notBefore: "2027-01-01T00:00:00Z", notAfter: "2027-05-01T00:00:00Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`
	forever := func(s *scene) *scene {
		for i := range s.Snapshot.Observations {
			s.Snapshot.Observations[i].ValidUntil = now.AddDate(1, 0, 0)
		}
		return s
	}
	half := `type: kubernetes.io/tls, keyMatches: true, chain: true, leaf: ` + leaf("aa", "a.example.com", ends)
	cases := map[string]struct {
		scene *scene
		rule  string
		want  []string // at each turn
	}{
		"a certificate":        {forever(stage(t, configured).ingress(covering).secret("a", half)), RuleCertificates, []string{"Conforming Valid", "Deviating Expiring", "Deviating Expired", "NotEvaluated Inconclusive"}},
		"an observation":       {stage(t, configured).ingress(covering).secret("a", half), RuleCertificates, []string{"Conforming Valid", "NotEvaluated Inconclusive"}},
		"a handshake":          {stage(t, probed).ingress(covering).servedOf("a.example.com", "a", `served: {versions: ["1.3"], leaf: `+leaf("aa", "a.example.com", ends)+`}`), RuleHandshake, []string{"Conforming Served", "NotEvaluated Inconclusive"}},
		"an answer":            {stage(t, probed).ingress(covering).servedOf("a.example.com", "a", `served: {http: Refused}`), RuleRedirect, []string{"Conforming Redirected", "NotEvaluated Inconclusive"}},
		"a Certificate":        {stage(t, `certificates: {}`).issued(`name: c, uid: c1, secret: c, ready: "True", notAfter: "2027-05-01T00:00:00Z", renewalTime: "2027-04-01T00:00:00Z"`), RuleIssued, []string{"Conforming Issued", "Deviating RenewalOverdue", "Deviating Expiring", "Deviating Expired"}},
		"one not valid yet":    {forever(stage(t, configured).ingress(covering).secret("a", `type: kubernetes.io/tls, keyMatches: true, chain: true, leaf: `+leaf("aa", "a.example.com", `notBefore: "2027-03-02T00:00:00Z", notAfter: "2028-12-31T00:00:00Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`))), RuleCertificates, []string{"Deviating NotYetValid", "Conforming Valid", "NotEvaluated Inconclusive"}},
		"nothing that expires": {stage(t, configured).ingress(covering), RuleCoverage, []string{"Conforming Covered"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for {
				f := controltest.FindingOf(t, Control{}, tc.scene.Input, tc.rule)
				text, _, _ := strings.Cut(controltest.Summary(f), ":")
				got = append(got, text)
				if f.Until.IsZero() {
					break
				}
				if !f.Until.After(tc.scene.Now) || len(got) > 5 {
					t.Fatalf("at %s it is to turn at %s", tc.scene.Now, f.Until)
				}
				tc.scene.Now = f.Until
			}
			if diff := cmp.Diff(tc.want, slices.Compact(got)); diff != "" {
				t.Errorf("turns (-want +got):\n%s", diff)
			}
		})
	}
}
