package reperform

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// encrypting has the policy judge Ingresses, by handshakes, too.
func encrypting(p *v1alpha1.ControlPolicy) {
	p.Spec.Controls = []v1alpha1.ControlSpec{{ID: "ENC-1", EncryptionInTransit: &v1alpha1.EncryptionInTransit{Ingress: &v1alpha1.IngressEncryption{
		MinimumTLSVersion: v1alpha1.TLS12, ExpiryThreshold: &metav1.Duration{Duration: time.Hour}, Certificates: "Ignore",
		Handshake: &v1alpha1.HandshakeProbe{Every: &metav1.Duration{Duration: time.Hour}}}}}}
}

// serving is a namespace with Ingresses, each of a host; those that are named in
// upper case have no TLS.
func serving(name, version string, hosts ...string) *control.Snapshot {
	s := ns(name)
	for _, host := range hosts {
		i := control.Ingress{Meta: control.Meta{Name: strings.ToLower(host), UID: "uid-" + strings.ToLower(host), CreatedAt: noon.Add(-time.Hour),
			Identity: control.Identity{ResourceVersion: version}}, Hosts: []string{strings.ToLower(host)}, Addresses: []string{"192.0.2.1"}}
		if host == strings.ToLower(host) {
			i.TLS = []control.IngressTLS{{Hosts: []string{host}, Secret: host}}
		}
		s.Ingresses = append(s.Ingresses, i)
	}
	return s
}

// observed has what probes saw: every host is served in the clear on its TLS port.
func observed(s *control.Snapshot) *control.Snapshot {
	for _, i := range s.Ingresses {
		s.Observations = append(s.Observations, control.Observation{
			Target: control.Target{Handshake: &control.HandshakeTarget{Address: "192.0.2.1", Port: 443, HTTPPort: 80, Host: i.Hosts[0]}},
			At:     noon.Add(-time.Minute), ValidUntil: noon.Add(2 * time.Hour), Served: &control.Served{Plain: true}})
	}
	return s
}

func itself() *control.Snapshot {
	return &control.Snapshot{Namespace: control.ClusterNamespace("uid-kube-system", noon.Add(-time.Hour)), NetworkPolicies: []control.NetworkPolicy{}}
}

// TestE45ObjectsAreCompared: each object with its row; what probes saw is taken as
// recorded, and that it was is said.
func TestE45ObjectsAreCompared(t *testing.T) {
	was := func() world { return world{"": itself(), "a": observed(serving("a", "900", "shop", "web"))} }
	cases := map[string]struct {
		now          *control.Snapshot
		wantClass    string // of the first difference, empty without any
		want, wantBy string
	}{
		"nothing changed": {serving("a", "900", "shop", "web"), "", "", ""},
		"one changed":     {serving("a", "1001", "shop", "WEB"), Since, "Ingress a/web", "Ingress web has the resourceVersion 1001, later than 1000 of the manifest's list"},
		"one is gone":     {serving("a", "900", "shop"), Unproven, "Ingress a/web", "what differs: ingresses"},
		"one came":        {serving("a", "900", "shop", "web", "new"), Unproven, "Ingress a/new", "what differs: ingresses"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := compared(t, collected(t, was(), nil), world{"": itself(), "a": tc.now}, nil)
			if got.Observations != 2 {
				t.Errorf("%d observations were taken as recorded, want 2", got.Observations)
			}
			if tc.wantClass == "" {
				if got.Compared != 2 || got.Same != 2 || len(got.Differences) != 0 || got.Controls[0].Found.Total != 2 {
					t.Errorf("got %+v", got)
				}
				return
			}
			if len(got.Differences) != 1 {
				t.Fatalf("got %+v", got.Differences)
			}
			d := got.Differences[0]
			if why := strings.Join(d.Why, "; "); d.Class != tc.wantClass || d.Subject.String() != tc.want || !strings.Contains(why, tc.wantBy) {
				t.Errorf("got %s of %s: %s, want %s of %s: %s", d.Class, d.Subject, why, tc.wantClass, tc.want, tc.wantBy)
			}
		})
	}
}

// TestE45LiesAboutObjectsAreFound: the same inputs, and another verdict.
func TestE45LiesAboutObjectsAreFound(t *testing.T) {
	was := world{"": itself(), "a": observed(serving("a", "900", "shop", "WEB"))}
	r := collected(t, was, func(s *ledger.ManifestScope) {
		for i := range s.Units {
			s.Units[i].State = control.State{Outcome: control.Conforming, Basis: control.BasisConfiguration}
		}
	})
	got := compared(t, r, world{"": itself(), "a": serving("a", "900", "shop", "WEB")}, nil)
	if len(got.Differences) != 2 || got.Differences[0].Class != Contradiction || got.Differences[1].Class != Contradiction {
		t.Errorf("got %+v", got.Differences)
	}
}
