package encryptionintransit

import (
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// scene builds an input: namespace shop, or the cluster, under a control. Objects
// are written as the inner part of a YAML flow mapping.
type scene struct {
	t testing.TB
	control.Input
}

// stage is namespace shop under a control with the given fields.
func stage(tb testing.TB, fields string) *scene {
	tb.Helper()
	s := &scene{t: tb, Input: control.Input{
		Policy:   "baseline",
		Scope:    &v1alpha1.Scope{},
		Snapshot: &control.Snapshot{Namespace: control.Namespace{Name: "shop", UID: "u1"}},
		Control:  v1alpha1.ControlSpec{ID: "ENC-2", Mode: v1alpha1.ModeObserve, EncryptionInTransit: &v1alpha1.EncryptionInTransit{}},
		Now:      now,
	}}
	s.read(fields, s.Control.EncryptionInTransit)
	return s
}

// clusterStage is the cluster under a control with the given fields.
func clusterStage(tb testing.TB, fields string) *scene {
	tb.Helper()
	s := stage(tb, fields)
	s.Snapshot.Namespace = control.ClusterNamespace("u0", now.Add(-time.Hour))
	return s
}

func (s *scene) enforced() *scene {
	s.Control.Mode = v1alpha1.ModeEnforce
	return s
}

// ingress adds an Ingress of ingress-nginx's, unless the fields say otherwise.
func (s *scene) ingress(fields string) *scene {
	s.t.Helper()
	i := control.Ingress{Meta: control.Meta{Name: "web", UID: "i1"}, Class: "nginx", Controller: "k8s.io/ingress-nginx"}
	s.read(fields, &i)
	s.Snapshot.Ingresses = append(s.Snapshot.Ingresses, i)
	return s
}

func (s *scene) gateway(fields string) *scene  { return add(s, fields, &s.Snapshot.Gateways) }
func (s *scene) route(fields string) *scene    { return add(s, fields, &s.Snapshot.GatewayRoutes) }
func (s *scene) service(fields string) *scene  { return add(s, fields, &s.Snapshot.Services) }
func (s *scene) workload(fields string) *scene { return add(s, fields, &s.Snapshot.Workloads) }
func (s *scene) issued(fields string) *scene   { return add(s, fields, &s.Snapshot.Certificates) }
func (s *scene) seen(fields string) *scene     { return add(s, fields, &s.Snapshot.Observations) }

func (s *scene) mesh(fields string) *scene {
	s.t.Helper()
	if s.Snapshot.Mesh == nil {
		s.Snapshot.Mesh = &control.Mesh{}
	}
	s.read(fields, s.Snapshot.Mesh)
	return s
}

func (s *scene) unavailable(need control.Need, reason string) *scene {
	if s.Snapshot.Unavailable == nil {
		s.Snapshot.Unavailable = map[control.Need]string{}
	}
	s.Snapshot.Unavailable[need] = reason
	return s
}

func (s *scene) change(change func(*control.Input)) *scene {
	change(&s.Input)
	return s
}

// sound are the fields of a certificate that nothing speaks against.
const sound = `notBefore: "2027-01-01T00:00:00Z", notAfter: "2027-12-31T00:00:00Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`

// leaf returns a certificate with these names.
func leaf(sha, names, fields string) string {
	return `{sha256: "` + sha + `", names: [` + names + `], ` + fields + `}`
}

const fresh = `at: "2027-03-01T11:00:00Z", validUntil: "2027-03-01T13:00:00Z"`

// secret says what was read of a TLS Secret.
func (s *scene) secret(name, half string) *scene {
	return s.seen(`certificate: {namespace: shop, secret: ` + name + `}, ` + fresh + `, publicHalf: {` + half + `}`)
}

// soundHalf is what is read of a TLS Secret that nothing speaks against.
func soundHalf(sha, names string) string {
	return `type: kubernetes.io/tls, keyMatches: true, chain: true, leaf: ` + leaf(sha, names, sound)
}

// served says what a host served at 10.0.0.1.
func (s *scene) served(host, fields string) *scene {
	return s.servedOf(host, "", fields)
}

// servedOf says what a host served whose certificate is to be that of a Secret.
func (s *scene) servedOf(host, secret, fields string) *scene {
	target := `address: 10.0.0.1, port: 443, httpPort: 80, host: "` + host + `"`
	if secret != "" {
		target += `, secret: {namespace: shop, secret: ` + secret + `}`
	}
	return s.seen(`handshake: {` + target + `}, ` + fresh + `, ` + fields)
}

func (s *scene) read(fields string, into any) {
	s.t.Helper()
	controltest.Set(s.t, into, fields)
}

// add adds one object to a list of the scene.
func add[T any](s *scene, fields string, list *[]T) *scene {
	s.t.Helper()
	controltest.Add(s.t, list, fields)
	return s
}

// judged is a case of the tables: the finding of one rule on a scene.
type judged struct {
	scene *scene
	// want is outcome, reason, and culprits after a colon.
	want string
	// wantBasis is Configuration where it is empty.
	wantBasis control.Basis
}

// judge runs a table of cases of one rule.
func judge(t *testing.T, rule string, cases map[string]judged) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := controltest.FindingOf(t, Control{}, tc.scene.Input, rule)
			if got := controltest.Summary(f); got != tc.want {
				t.Errorf("%s is %q, want %q (%s; %v)", rule, got, tc.want, f.Message, f.Facts)
			}
			if tc.wantBasis == "" {
				tc.wantBasis = control.BasisConfiguration
			}
			if f.Basis != tc.wantBasis {
				t.Errorf("the basis is %s, want %s", f.Basis, tc.wantBasis)
			}
		})
	}
}
