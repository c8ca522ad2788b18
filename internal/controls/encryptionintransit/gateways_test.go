package encryptionintransit

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

func TestGateways(t *testing.T) {
	of := func(listener string) *scene {
		return stage(t, `gateway: {}`).gateway(`name: edge, uid: g1, kind: Gateway, listeners: [{name: l, port: 80, ` + listener + `}]`)
	}
	routed := func(listener, route string) *scene {
		return of(listener).route(`name: web, uid: r1, kind: HTTPRoute, ` + route)
	}
	const (
		plain = "Deviating PlainRoute: listener l serves HTTPRoute web in the clear"
		https = `protocol: HTTPS, mode: Terminate, `
		mine  = `certificates: [{kind: Secret, namespace: shop, name: a, granted: true}]`
	)
	judge(t, RuleGateways, map[string]judged{
		"HTTP without a route":         {scene: of(`protocol: HTTP`), want: "Conforming Encrypted"},
		"a plain route":                {scene: routed(`protocol: HTTP`, `parents: [{kind: Gateway, name: edge}]`), want: plain},
		"a route that redirects":       {scene: routed(`protocol: HTTP`, `redirects: true, parents: [{kind: Gateway, name: edge}]`), want: "Conforming Encrypted"},
		"a route of the section":       {scene: routed(`protocol: HTTP`, `parents: [{kind: Gateway, name: edge, section: l}]`), want: plain},
		"a route of another section":   {scene: routed(`protocol: HTTP`, `parents: [{kind: Gateway, name: edge, section: other}]`), want: "Conforming Encrypted"},
		"a route of another port":      {scene: routed(`protocol: HTTP`, `parents: [{kind: Gateway, name: edge, port: 443}]`), want: "Conforming Encrypted"},
		"a route of another Gateway":   {scene: routed(`protocol: HTTP`, `parents: [{kind: Gateway, name: other}]`), want: "Conforming Encrypted"},
		"a route of a ListenerSet":     {scene: routed(`protocol: HTTP`, `parents: [{kind: ListenerSet, name: edge}]`), want: "Conforming Encrypted"},
		"hosts that do not meet":       {scene: routed(`protocol: HTTP, hostname: a.example.com`, `hostnames: [b.example.com], parents: [{kind: Gateway, name: edge}]`), want: "Conforming Encrypted"},
		"hosts that meet":              {scene: routed(`protocol: HTTP, hostname: "*.example.com"`, `hostnames: [a.b.example.com], parents: [{kind: Gateway, name: edge}]`), want: plain},
		"a route from elsewhere":       {scene: routed(`protocol: HTTP`, `namespace: other, parents: [{kind: Gateway, name: edge}]`), want: "Conforming Encrypted"},
		"a route from where it may be": {scene: routed(`protocol: HTTP, from: All`, `namespace: other, parents: [{kind: Gateway, name: edge}]`), want: "Deviating PlainRoute: listener l serves HTTPRoute other/web in the clear"},
		"routes from nowhere":          {scene: routed(`protocol: HTTP, from: None`, `parents: [{kind: Gateway, name: edge}]`), want: "Conforming Encrypted"},
		"recorded":                     {scene: routed(`protocol: HTTP`, `parents: [{kind: Gateway, name: edge}]`).change(func(in *control.Input) { in.Control.EncryptionInTransit.Gateway.PlainHTTP = "Record" }), want: "Conforming Recorded"},
		"recorded, no certificate":     {scene: of(`protocol: HTTPS`).change(func(in *control.Input) { in.Control.EncryptionInTransit.Gateway.PlainHTTP = "Record" }), want: "Deviating NoCertificate: listener l has no TLS configuration"},

		"HTTPS":                  {scene: of(https+mine).secret("a", soundHalf("aa", "a.x")), want: "Conforming Encrypted"},
		"HTTPS not read":         {scene: of(https + mine), want: "NotEvaluated Inconclusive"},
		"HTTPS forbidden":        {scene: of(https + mine).seen(`certificate: {namespace: shop, secret: a}, ` + fresh + `, reason: Forbidden, message: x`), want: "NotEvaluated Forbidden"},
		"HTTPS without anything": {scene: of(`protocol: HTTPS`), want: "Deviating NoCertificate: listener l has no TLS configuration"},
		"HTTPS by the provider":  {scene: of(`protocol: HTTPS, mode: Terminate`), want: "NotEvaluated Inconclusive"},
		"no Secret":              {scene: of(https+mine).secret("a", `missing: true`), want: "Deviating SecretMissing: Secret a does not exist"},
		"expires soon":           {scene: of(https+mine).secret("a", `type: kubernetes.io/tls, keyMatches: true, chain: true, leaf: `+leaf("aa", "a.x", `notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-03-05T00:00:00Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`)), want: "Deviating Expiring: the certificate in Secret a expires within 720h"},
		"another host":           {scene: of(`hostname: b.x, `+https+mine).secret("a", soundHalf("aa", "a.x")), want: "Deviating WrongName: no certificate of listener l names b.x"},
		"its host":               {scene: of(`hostname: a.x, `+https+mine).secret("a", soundHalf("aa", `"*.x"`)), want: "Conforming Encrypted"},
		"one of two names it": {scene: of(`hostname: b.x, `+https+`certificates: [{kind: Secret, namespace: shop, name: a, granted: true}, {kind: Secret, namespace: shop, name: b, granted: true}]`).
			secret("a", soundHalf("aa", "a.x")).secret("b", soundHalf("bb", "b.x")), want: "Conforming Encrypted"},
		"not granted":     {scene: of(https + `certificates: [{kind: Secret, namespace: certs, name: a}]`), want: "Deviating NotGranted: no ReferenceGrant lets listener l use Secret certs/a"},
		"granted":         {scene: of(https + `certificates: [{kind: Secret, namespace: certs, name: a, granted: true}]`).seen(`certificate: {namespace: certs, secret: a}, ` + fresh + `, publicHalf: {` + soundHalf("aa", "a.x") + `}`), want: "Conforming Encrypted"},
		"another kind":    {scene: of(https + `certificates: [{group: example.com, kind: Vault, namespace: shop, name: a, granted: true}]`), want: "NotEvaluated Inconclusive"},
		"passed through":  {scene: of(`protocol: TLS, mode: Passthrough`), want: "Conforming Encrypted"},
		"TLS, terminated": {scene: of(`protocol: TLS, mode: Terminate, `+mine).secret("a", soundHalf("aa", "a.x")), want: "Conforming Encrypted"},
		"HBONE":           {scene: of(`protocol: HBONE`), want: "Conforming Encrypted"},
		"TCP":             {scene: of(`protocol: TCP`).route(`name: db, uid: r2, kind: TCPRoute, parents: [{kind: Gateway, name: edge}]`), want: "NotEvaluated Inconclusive"},
		"TCP, no route":   {scene: of(`protocol: TCP`), want: "Conforming Encrypted"},
		"not observed":    {scene: of(`protocol: HTTP`).unavailable(control.NeedGateways, control.ReasonFailed), want: "NotEvaluated Failed"},
	})
}

func TestGatewaysAreSubjects(t *testing.T) {
	s := stage(t, `gateway: {}`).gateway(`name: edge, uid: g1, kind: ListenerSet, createdAt: "2027-01-02T00:00:00Z", listeners: []`)
	f := controltest.FindingOf(t, Control{}, s.Input, RuleGateways)
	want := control.Subject{Group: "gateway.networking.k8s.io", Kind: "ListenerSet", Namespace: "shop", Name: "edge", UID: "g1"}
	if f.Subject != want || f.Born.Format("2006-01-02") != "2027-01-02" {
		t.Errorf("the subject is %+v, born %s", f.Subject, f.Born)
	}
}
