package encryptionintransit

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	configured = `ingress: {}`
	probed     = `ingress: {handshake: {endpoints: [{ingressClassName: nginx, address: 10.0.0.1}]}}`
	covering   = `hosts: [a.example.com], tls: [{hosts: [a.example.com], secret: a}]`
)

func TestCoverage(t *testing.T) {
	of := func(fields string) *scene { return stage(t, configured).ingress(fields) }
	seen := func(fields, served string) *scene {
		return stage(t, probed).ingress(fields).served("a.example.com", served)
	}
	ok := `served: {versions: ["1.3"], leaf: ` + leaf("aa", "a.example.com", sound) + `}`
	notDecided := "NotEvaluated Inconclusive"
	judge(t, RuleCoverage, map[string]judged{
		"covered":                          {scene: of(covering), want: "Conforming Covered"},
		"no TLS":                           {scene: of(`hosts: [a.example.com]`), want: "Deviating NotCovered: a.example.com is not covered by spec.tls"},
		"another host":                     {scene: of(`hosts: [a.example.com], tls: [{hosts: [b.example.com], secret: a}]`), want: "Deviating NotCovered: a.example.com is not covered by spec.tls"},
		"one label":                        {scene: of(`hosts: [a.example.com], tls: [{hosts: ["*.example.com"], secret: a}]`), want: "Conforming Covered"},
		"two labels":                       {scene: of(`hosts: [a.b.example.com], tls: [{hosts: ["*.example.com"], secret: a}]`), want: "Deviating NotCovered: a.b.example.com is not covered by spec.tls"},
		"a default backend":                {scene: of(`defaultBackend: true, ` + covering), want: "Deviating NotCovered: every other host is not covered by spec.tls"},
		"a rule for every host":            {scene: of(`hosts: [""]`), want: "Deviating NotCovered: every other host is not covered by spec.tls"},
		"two of three hosts":               {scene: of(`hosts: [c.x, b.x, a.x], tls: [{hosts: [b.x], secret: b}]`), want: "Deviating NotCovered: a.x is not covered by spec.tls, c.x is not covered by spec.tls"},
		"no Secret":                        {scene: of(`hosts: [a.example.com], tls: [{hosts: [a.example.com]}]`), want: notDecided},
		"no Secret, served":                {scene: seen(`hosts: [a.example.com], tls: [{hosts: [a.example.com]}]`, ok), want: "Conforming Covered", wantBasis: control.BasisBehaviour},
		"no Secret, not probed":            {scene: stage(t, probed).ingress(`hosts: [a.example.com], tls: [{hosts: [a.example.com]}]`), want: notDecided},
		"no Secret, a default certificate": {scene: seen(`hosts: [a.example.com], tls: [{hosts: [a.example.com]}]`, `served: {versions: ["1.3"], leaf: `+leaf("ff", "ingress.local", sound)+`}`), want: "Deviating DefaultCertificate: a.example.com is served with a certificate of other names", wantBasis: control.BasisBehaviour},
		"no Secret, plain":                 {scene: seen(`hosts: [a.example.com], tls: [{hosts: [a.example.com]}]`, `served: {plain: true}`), want: "Deviating NotCovered: a.example.com is served in the clear on the TLS port", wantBasis: control.BasisBehaviour},
		"no Secret, refused":               {scene: seen(`hosts: [a.example.com], tls: [{hosts: [a.example.com]}]`, `served: {refused: true}`), want: notDecided, wantBasis: control.BasisBehaviour},
		"no hosts":                         {scene: of(`hosts: [a.example.com], tls: [{secret: a}]`), want: notDecided},
		"no hosts, the Secret names it":    {scene: of(`hosts: [a.example.com], tls: [{secret: a}]`).secret("a", soundHalf("aa", `"*.example.com"`)), want: "Conforming Covered"},
		"no hosts, the Secret does not":    {scene: of(`hosts: [a.example.com], tls: [{secret: a}]`).secret("a", soundHalf("aa", `b.example.com`)), want: notDecided},
		"no hosts, two Secrets":            {scene: of(`hosts: [a.example.com], tls: [{secret: a}, {secret: b}]`).secret("a", soundHalf("aa", `a.example.com`)), want: notDecided},
		"an empty entry":                   {scene: of(`hosts: [a.example.com], tls: [{}]`), want: notDecided},
		"a Secret before none":             {scene: of(`hosts: [a.example.com], tls: [{hosts: [a.example.com]}, {hosts: [a.example.com], secret: a}]`), want: "Conforming Covered"},
		"a load balancer's certificate":    {scene: of(`class: alb, controller: ingress.k8s.aws/alb, hosts: [a.example.com], annotations: {alb.ingress.kubernetes.io/certificate-arn: a}`), want: "Conforming Covered"},
		"an annotation of another":         {scene: of(`hosts: [a.example.com], annotations: {alb.ingress.kubernetes.io/certificate-arn: a}`), want: "Deviating NotCovered: a.example.com is not covered by spec.tls"},
		"a shared certificate":             {scene: of(`class: gce, controller: "", hosts: [a.example.com], annotations: {ingress.gcp.kubernetes.io/pre-shared-cert: a}`), want: "Conforming Covered"},
		"managed certificates":             {scene: of(`class: gce, controller: "", defaultBackend: true, annotations: {networking.gke.io/managed-certificates: a}`), want: "Conforming Covered"},
		"passed through":                   {scene: of(`hosts: [a.example.com], annotations: {nginx.ingress.kubernetes.io/ssl-passthrough: "true"}`), want: notDecided},
		"an ACME challenge":                {scene: of(`hosts: [a.example.com], solver: true`), want: "NotApplicable Solver"},
		"Ingresses not observed":           {scene: of(covering).unavailable(control.NeedIngresses, control.ReasonForbidden), want: "NotEvaluated Forbidden"},
		"the namespace is going":           {scene: of(covering).change(func(in *control.Input) { in.Snapshot.Namespace.Terminating = true }), want: "NotApplicable Terminating"},
		"the namespace is going, with pods": {scene: of(covering).change(func(in *control.Input) {
			in.Snapshot.Namespace.Terminating, in.Snapshot.Namespace.HasRunningPods = true, true
		}), want: "Conforming Covered"},
		"going, pods not observed": {scene: of(covering).change(func(in *control.Input) { in.Snapshot.Namespace.Terminating = true }).unavailable(control.NeedPods, control.ReasonFailed), want: "Conforming Covered"},
	})
}

func TestCertificates(t *testing.T) {
	with := func(half string) *scene { return stage(t, configured).ingress(covering).secret("a", half) }
	leafOf := func(fields string) *scene {
		return with(`type: kubernetes.io/tls, keyMatches: true, chain: true, leaf: ` + leaf("aa", "a.example.com", fields))
	}
	const dates = `notBefore: "2027-01-01T00:00:00Z", notAfter: "2027-12-31T00:00:00Z"`
	judge(t, RuleCertificates, map[string]judged{
		"sound":                {scene: with(soundHalf("aa", "a.example.com")), want: "Conforming Valid"},
		"by a wildcard":        {scene: with(soundHalf("aa", `"*.Example.com"`)), want: "Conforming Valid"},
		"missing":              {scene: with(`missing: true`), want: "Deviating SecretMissing: Secret a does not exist"},
		"another type":         {scene: with(`type: Opaque, keyMatches: true, chain: true, leaf: ` + leaf("aa", "a.example.com", sound)), want: `Deviating WrongType: Secret a is of type "Opaque", not kubernetes.io/tls`},
		"no certificate":       {scene: with(`type: kubernetes.io/tls`), want: "Deviating Unreadable: Secret a holds no certificate that can be read"},
		"another key":          {scene: with(`type: kubernetes.io/tls, chain: true, leaf: ` + leaf("aa", "a.example.com", sound)), want: "Deviating KeyMismatch: the private key in Secret a is not that of its certificate"},
		"a broken chain":       {scene: with(`type: kubernetes.io/tls, keyMatches: true, leaf: ` + leaf("aa", "a.example.com", sound)), want: "Deviating BrokenChain: the chain in Secret a is broken"},
		"another name":         {scene: with(soundHalf("aa", "b.example.com")), want: "Deviating WrongName: the certificate in Secret a does not name a.example.com"},
		"expired":              {scene: leafOf(`notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-03-01T12:00:00Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`), want: "Deviating Expired: the certificate in Secret a has expired"},
		"expires soon":         {scene: leafOf(`notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-03-31T12:00:00Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`), want: "Deviating Expiring: the certificate in Secret a expires within 720h"},
		"expires a bit later":  {scene: leafOf(`notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-03-31T12:00:01Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`), want: "Conforming Valid"},
		"not valid yet":        {scene: leafOf(`notBefore: "2027-03-01T12:00:01Z", notAfter: "2027-12-31T00:00:00Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`), want: "Deviating NotYetValid: the certificate in Secret a is not valid yet"},
		"without an end":       {scene: leafOf(`notBefore: "2027-01-01T00:00:00Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`).change(func(in *control.Input) { in.Snapshot.Observations[0].PublicHalf.Leaf.NotAfter = timeZero }), want: "NotEvaluated Inconclusive"},
		"RSA 1024":             {scene: leafOf(dates + `, key: RSA, bits: 1024, signature: SHA256-RSA`), want: "Deviating WeakKey: the certificate in Secret a has a key of RSA with 1024 bits"},
		"RSA 2048":             {scene: leafOf(dates + `, key: RSA, bits: 2048, signature: SHA256-RSAPSS`), want: "Conforming Valid"},
		"EC 224":               {scene: leafOf(dates + `, key: ECDSA, bits: 224, signature: ECDSA-SHA256`), want: "Deviating WeakKey: the certificate in Secret a has a key of ECDSA with 224 bits"},
		"Ed25519":              {scene: leafOf(dates + `, key: Ed25519, bits: 256, signature: Ed25519`), want: "Conforming Valid"},
		"DSA":                  {scene: leafOf(dates + `, key: DSA, bits: 2048, signature: DSA-SHA256`), want: "Deviating WeakKey: the certificate in Secret a has a key of DSA with 2048 bits"},
		"an unknown key":       {scene: leafOf(dates + `, key: Unknown, signature: SHA256-RSA`), want: "NotEvaluated Inconclusive"},
		"SHA-1":                {scene: leafOf(dates + `, key: RSA, bits: 2048, signature: SHA1-RSA`), want: "Deviating WeakSignature: the certificate in Secret a is signed with SHA1-RSA"},
		"MD5":                  {scene: leafOf(dates + `, key: RSA, bits: 2048, signature: MD5-RSA`), want: "Deviating WeakSignature: the certificate in Secret a is signed with MD5-RSA"},
		"ECDSA with SHA-1":     {scene: leafOf(dates + `, key: ECDSA, bits: 256, signature: ECDSA-SHA1`), want: "Deviating WeakSignature: the certificate in Secret a is signed with ECDSA-SHA1"},
		"an unknown signature": {scene: leafOf(dates + `, key: RSA, bits: 2048, signature: "0"`), want: "NotEvaluated Inconclusive"},
		"not probed":           {scene: stage(t, configured).ingress(covering), want: "NotEvaluated Inconclusive"},
		"not read":             {scene: stage(t, configured).ingress(covering).seen(`certificate: {namespace: shop, secret: a}, ` + fresh), want: "NotEvaluated Inconclusive"},
		"too old":              {scene: stage(t, configured).ingress(covering).seen(`certificate: {namespace: shop, secret: a}, at: "2027-03-01T10:00:00Z", validUntil: "2027-03-01T12:00:00Z", publicHalf: {` + soundHalf("aa", "a.example.com") + `}`), want: "NotEvaluated Inconclusive"},
		"forbidden":            {scene: stage(t, configured).ingress(covering).seen(`certificate: {namespace: shop, secret: a}, ` + fresh + `, reason: Forbidden, message: "set the chart's value tlsSecrets.read=true"`), want: "NotEvaluated Forbidden"},
		"no Secret named":      {scene: stage(t, configured).ingress(`hosts: [a.example.com]`), want: "NotApplicable NoSecret"},
		"one of two":           {scene: stage(t, configured).ingress(`hosts: [a.x], tls: [{hosts: [a.x], secret: a}, {hosts: [b.x], secret: b}]`).secret("a", soundHalf("aa", "a.x")).secret("b", `missing: true`), want: "Deviating SecretMissing: Secret b does not exist"},
		"a threshold of hours": {scene: stage(t, `ingress: {expiryThreshold: 36h}`).ingress(covering).secret("a", `type: kubernetes.io/tls, keyMatches: true, chain: true, leaf: `+leaf("aa", "a.example.com", `notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-03-02T13:00:00Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`)), want: "Deviating Expiring: the certificate in Secret a expires within 36h"},
	})
}

func TestCertificatesIgnored(t *testing.T) {
	s := stage(t, `ingress: {certificates: Ignore, handshake: {}}`).ingress(covering + `, addresses: [10.0.0.1]`)
	for _, f := range (Control{}).Evaluate(s.Input) {
		if f.Rule == RuleCertificates {
			t.Errorf("found %+v", f)
		}
	}
	for _, target := range (Control{}).Targets(s.Input) {
		if target.Certificate != nil || target.Handshake.Secret != nil {
			t.Errorf("a Secret is to be read: %s", target.Key())
		}
	}
}

func TestRedirect(t *testing.T) {
	answers := func(fields string) *scene {
		return stage(t, probed).ingress(covering).servedOf("a.example.com", "a", fields)
	}
	predicts := func(fields string) *scene { return stage(t, configured).ingress(covering + `, ` + fields) }
	const annotated = "Deviating PlainHTTP: plain HTTP serves content for a.example.com, as annotation "
	judge(t, RuleRedirect, map[string]judged{
		"redirects":                    {scene: answers(`served: {http: Redirect, httpStatus: 308}`), want: "Conforming Redirected", wantBasis: control.BasisBehaviour},
		"refuses":                      {scene: answers(`served: {http: Refused}`), want: "Conforming Redirected", wantBasis: control.BasisBehaviour},
		"redirects elsewhere":          {scene: answers(`served: {http: RedirectElsewhere, httpStatus: 301, httpTo: "https://www.example.com"}`), want: "Conforming Redirected", wantBasis: control.BasisBehaviour},
		"redirects to http":            {scene: answers(`served: {http: RedirectElsewhere, httpStatus: 301, httpTo: "http://www.example.com"}`), want: "Deviating PlainHTTP: plain HTTP for a.example.com redirects, but not to https", wantBasis: control.BasisBehaviour},
		"serves":                       {scene: answers(`served: {http: Content, httpStatus: 200}`), want: "Deviating PlainHTTP: plain HTTP serves content for a.example.com", wantBasis: control.BasisBehaviour},
		"asks for a password":          {scene: answers(`served: {http: Content, httpStatus: 401}`), want: "Deviating PlainHTTP: plain HTTP serves content for a.example.com", wantBasis: control.BasisBehaviour},
		"demands an upgrade":           {scene: answers(`served: {http: Content, httpStatus: 426}`), want: "Conforming Redirected", wantBasis: control.BasisBehaviour},
		"finds nothing":                {scene: answers(`served: {http: Content, httpStatus: 404}`), want: "NotEvaluated Inconclusive"},
		"does not answer":              {scene: answers(`served: {http: Unanswered}`), want: "NotEvaluated Inconclusive"},
		"was not looked at":            {scene: answers(`served: {versions: ["1.3"]}`), want: "NotEvaluated Inconclusive"},
		"not probed":                   {scene: stage(t, probed).ingress(covering), want: "NotEvaluated Inconclusive"},
		"failed":                       {scene: answers(`reason: Failed, message: x`), want: "NotEvaluated Failed"},
		"finds nothing, but predicted": {scene: stage(t, probed).ingress(covering+`, annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "true"}`).servedOf("a.example.com", "a", `served: {http: Content, httpStatus: 404}`), want: "Conforming Redirected"},
		"serves what is predicted not": {scene: stage(t, probed).ingress(covering+`, annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "true"}`).servedOf("a.example.com", "a", `served: {http: Content, httpStatus: 200}`), want: "Deviating PlainHTTP: plain HTTP serves content for a.example.com", wantBasis: control.BasisBehaviour},
		"recorded":                     {scene: stage(t, `ingress: {plainHTTP: Record}`).ingress(covering + `, annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "false"}`), want: "Conforming Recorded"},
		"recorded, not known":          {scene: stage(t, `ingress: {plainHTTP: Record}`).ingress(covering), want: "Conforming Recorded"},

		"nginx says so":             {scene: predicts(`annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "true"}`), want: "Conforming Redirected"},
		"nginx forces it":           {scene: predicts(`annotations: {nginx.ingress.kubernetes.io/force-ssl-redirect: "true", nginx.ingress.kubernetes.io/ssl-redirect: "false"}`), want: "Conforming Redirected"},
		"nginx does not":            {scene: predicts(`annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "false"}`), want: annotated + "nginx.ingress.kubernetes.io/ssl-redirect predicts"},
		"nginx leaves it open":      {scene: predicts(`class: nginx`), want: "NotEvaluated Inconclusive"},
		"nginx, nonsense":           {scene: predicts(`annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "perhaps"}`), want: "NotEvaluated Inconclusive"},
		"nginx, not covered":        {scene: stage(t, configured).ingress(`hosts: [a.example.com], annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "true"}`), want: "NotEvaluated Inconclusive"},
		"NGINX Inc. does not":       {scene: predicts(`controller: nginx.org/ingress-controller, annotations: {ingress.kubernetes.io/ssl-redirect: "False"}`), want: annotated + "ingress.kubernetes.io/ssl-redirect predicts"},
		"NGINX Inc. behind a proxy": {scene: predicts(`controller: nginx.org/ingress-controller, annotations: {nginx.org/redirect-to-https: "True"}`), want: "NotEvaluated Inconclusive"},
		"NGINX Inc., another's":     {scene: predicts(`controller: nginx.org/ingress-controller, annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "true"}`), want: "NotEvaluated Inconclusive"},
		"ALB redirects":             {scene: predicts(`class: alb, controller: ingress.k8s.aws/alb, annotations: {alb.ingress.kubernetes.io/ssl-redirect: "443"}`), want: "Conforming Redirected"},
		"ALB with both ports":       {scene: predicts(`class: alb, controller: ingress.k8s.aws/alb, annotations: {alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 80}, {"HTTPS": 443}]'}`), want: annotated + "alb.ingress.kubernetes.io/listen-ports predicts"},
		"ALB with HTTPS only":       {scene: predicts(`class: alb, controller: ingress.k8s.aws/alb, annotations: {alb.ingress.kubernetes.io/listen-ports: '[{"HTTPS": 443}]'}`), want: "Conforming Redirected"},
		"ALB with a certificate":    {scene: predicts(`class: alb, controller: ingress.k8s.aws/alb, annotations: {alb.ingress.kubernetes.io/certificate-arn: a}`), want: "Conforming Redirected"},
		"ALB with nothing":          {scene: predicts(`class: alb, controller: ingress.k8s.aws/alb`), want: annotated + "alb.ingress.kubernetes.io/listen-ports predicts"},
		"ALB of a group":            {scene: predicts(`class: alb, controller: ingress.k8s.aws/alb, annotations: {alb.ingress.kubernetes.io/group.name: g}`), want: "NotEvaluated Inconclusive"},
		"ALB, no JSON":              {scene: predicts(`class: alb, controller: ingress.k8s.aws/alb, annotations: {alb.ingress.kubernetes.io/listen-ports: HTTP}`), want: "NotEvaluated Inconclusive"},
		"GKE":                       {scene: predicts(`class: gce, controller: ""`), want: annotated + "kubernetes.io/ingress.allow-http predicts"},
		"GKE without HTTP":          {scene: predicts(`class: gce, controller: "", annotations: {kubernetes.io/ingress.allow-http: "false"}`), want: "Conforming Redirected"},
		"GKE with a FrontendConfig": {scene: predicts(`class: gce, controller: "", annotations: {networking.gke.io/v1beta1.FrontendConfig: f}`), want: "NotEvaluated Inconclusive"},
		"Contour":                   {scene: predicts(`controller: projectcontour.io/projectcontour/contour`), want: annotated + "ingress.kubernetes.io/force-ssl-redirect predicts"},
		"Contour redirects":         {scene: predicts(`controller: projectcontour.io/projectcontour/contour, annotations: {ingress.kubernetes.io/force-ssl-redirect: "true"}`), want: "Conforming Redirected"},
		"Contour without HTTP":      {scene: predicts(`controller: projectcontour.io/projectcontour/contour, annotations: {kubernetes.io/ingress.allow-http: "false"}`), want: "Conforming Redirected"},
		"OpenShift":                 {scene: predicts(`controller: openshift.io/ingress-to-route`), want: "NotEvaluated Inconclusive"},
		"Traefik":                   {scene: predicts(`controller: traefik.io/ingress-controller`), want: "NotEvaluated Inconclusive"},
		"Traefik with TLS":          {scene: predicts(`controller: traefik.io/ingress-controller, annotations: {traefik.ingress.kubernetes.io/router.tls: "true"}`), want: "Conforming Redirected"},
		"Traefik at websecure":      {scene: predicts(`controller: traefik.io/ingress-controller, annotations: {traefik.ingress.kubernetes.io/router.entrypoints: websecure}`), want: "Conforming Redirected"},
		"Traefik at both":           {scene: predicts(`controller: traefik.io/ingress-controller, annotations: {traefik.ingress.kubernetes.io/router.entrypoints: "web,websecure"}`), want: "NotEvaluated Inconclusive"},
		"HAProxy":                   {scene: predicts(`controller: haproxy.org/ingress-controller/haproxy, annotations: {haproxy.org/ssl-redirect: "true"}`), want: "Conforming Redirected"},
		"HAProxy does not":          {scene: predicts(`controller: haproxy-ingress.github.io/controller, annotations: {haproxy-ingress.github.io/ssl-redirect: "false"}`), want: annotated + "haproxy-ingress.github.io/ssl-redirect predicts"},
		"Application Gateway":       {scene: predicts(`class: azure/application-gateway, controller: "", annotations: {appgw.ingress.kubernetes.io/ssl-redirect: "true"}`), want: "Conforming Redirected"},
		"nobody known":              {scene: predicts(`class: x, controller: example.com/x, annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "true"}`), want: "NotEvaluated Inconclusive"},

		"taken over, absent":   {scene: stage(t, `ingress: {takeOver: [Redirect]}`).enforced().ingress(covering), want: "Deviating NotStated: annotation nginx.ingress.kubernetes.io/ssl-redirect is absent, which Holdfast takes over"},
		"taken over, observed": {scene: stage(t, `ingress: {takeOver: [Redirect]}`).ingress(covering), want: "NotEvaluated Inconclusive"},
		"taken over, redirects": {scene: stage(t, `ingress: {takeOver: [Redirect], handshake: {endpoints: [{ingressClassName: nginx, address: 10.0.0.1}]}}`).enforced().ingress(covering).
			servedOf("a.example.com", "a", `served: {http: Redirect}`), want: "Conforming Redirected", wantBasis: control.BasisBehaviour},
		"taken over, not known how": {scene: stage(t, `ingress: {takeOver: [Redirect]}`).enforced().ingress(covering + `, controller: example.com/x`), want: "NotEvaluated Inconclusive"},
	})
}

func TestHandshake(t *testing.T) {
	const ok = `versions: ["1.2", "1.3"], cipher: TLS_AES_128_GCM_SHA256, leaf: `
	half := `, publicHalf: {` + soundHalf("aa", "a.example.com") + `}`
	good := `served: {` + ok + leaf("aa", "a.example.com", sound) + `}`
	of := func(fields string) *scene {
		return stage(t, probed).ingress(covering).servedOf("a.example.com", "a", fields)
	}
	under := func(control, fields string) *scene {
		return stage(t, control).ingress(covering+`, addresses: [10.0.0.1]`).servedOf("a.example.com", "a", fields)
	}
	judge(t, RuleHandshake, map[string]judged{
		"as it should":         {scene: of(good + half), want: "Conforming Served", wantBasis: control.BasisBehaviour},
		"the Secret not read":  {scene: of(good), want: "Conforming Served", wantBasis: control.BasisBehaviour},
		"another certificate":  {scene: of(`served: {` + ok + leaf("bb", "a.example.com", sound) + `}` + half), want: "Deviating OtherCertificate: a.example.com is served with another certificate than that in Secret a", wantBasis: control.BasisBehaviour},
		"the Secret missing":   {scene: of(good + `, publicHalf: {missing: true}`), want: "Deviating OtherCertificate: a.example.com is served with a certificate that Secret a does not hold", wantBasis: control.BasisBehaviour},
		"other names":          {scene: of(`served: {` + ok + leaf("aa", "b.example.com", sound) + `}`), want: "Deviating WrongName: the certificate served for a.example.com does not name a.example.com", wantBasis: control.BasisBehaviour},
		"old versions":         {scene: of(`served: {versions: ["1.1", "1.0", "1.2"], cipher: x, leaf: ` + leaf("aa", "a.example.com", sound) + `}`), want: "Deviating OldVersion: a.example.com accepts TLS 1.0 and 1.1", wantBasis: control.BasisBehaviour},
		"old versions only":    {scene: of(`served: {versions: ["1.0"], cipher: x, leaf: ` + leaf("aa", "a.example.com", sound) + `}`), want: "Deviating OldVersion: a.example.com accepts TLS 1.0", wantBasis: control.BasisBehaviour},
		"1.2 where 1.3 is due": {scene: under(`ingress: {minimumTLSVersion: "1.3", handshake: {}}`, good), want: "Deviating OldVersion: a.example.com accepts TLS 1.2", wantBasis: control.BasisBehaviour},
		"1.3 where 1.3 is due": {scene: under(`ingress: {minimumTLSVersion: "1.3", handshake: {}}`, `served: {versions: ["1.3"], leaf: `+leaf("aa", "a.example.com", sound)+`}`), want: "Conforming Served", wantBasis: control.BasisBehaviour},
		"a broken cipher":      {scene: of(`served: {versions: ["1.2"], cipher: TLS_RSA_WITH_3DES_EDE_CBC_SHA, leaf: ` + leaf("aa", "a.example.com", sound) + `}`), want: "Deviating WeakCipher: a.example.com agrees on a cipher with 3DES", wantBasis: control.BasisBehaviour},
		"plain":                {scene: of(`served: {plain: true}`), want: "Deviating PlainOnTLSPort: a.example.com is served in the clear on the TLS port", wantBasis: control.BasisBehaviour},
		"only HTTP":            {scene: of(`served: {refused: true, http: Content, httpStatus: 200}`), want: "Deviating NotServed: a.example.com is served in the clear, and nothing listens on the TLS port", wantBasis: control.BasisBehaviour},
		"nothing listens":      {scene: of(`served: {refused: true, http: Refused}`), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"no connection":        {scene: of(`served: {}`), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"no versions":          {scene: of(`served: {leaf: ` + leaf("aa", "a.example.com", sound) + `}`), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"nothing seen":         {scene: of(`message: ""`), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"no answer":            {scene: of(`reason: Inconclusive, message: no answer within 10s`), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"not probed":           {scene: stage(t, probed).ingress(covering), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"served nowhere":       {scene: stage(t, `ingress: {handshake: {}}`).ingress(covering), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"expires soon":         {scene: of(`served: {` + ok + leaf("aa", "a.example.com", `notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-03-05T00:00:00Z", key: ECDSA, bits: 256, signature: ECDSA-SHA256`) + `}`), want: "Deviating Expiring: the certificate served for a.example.com expires within 720h", wantBasis: control.BasisBehaviour},
		"weak":                 {scene: of(`served: {` + ok + leaf("aa", "a.example.com", `notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-12-31T00:00:00Z", key: RSA, bits: 1024, signature: SHA1-RSA`) + `}`), want: "Deviating WeakKey: the certificate served for a.example.com has a key of RSA with 1024 bits, the certificate served for a.example.com is signed with SHA1-RSA", wantBasis: control.BasisBehaviour},
		"not trusted":          {scene: under(`ingress: {handshake: {trust: System}}`, good), want: "Deviating Untrusted: the certificate served for a.example.com leads to no root of the system", wantBasis: control.BasisBehaviour},
		"trusted":              {scene: under(`ingress: {handshake: {trust: System}}`, `served: {trusted: true, `+ok+leaf("aa", "a.example.com", sound)+`}`), want: "Conforming Served", wantBasis: control.BasisBehaviour},
		"one of two addresses": {scene: stage(t, `ingress: {handshake: {}}`).ingress(covering+`, addresses: [10.0.0.1, 10.0.0.2]`).servedOf("a.example.com", "a", good), want: "NotEvaluated Inconclusive", wantBasis: control.BasisBehaviour},
		"a default backend":    {scene: stage(t, probed).ingress(`defaultBackend: true, tls: [{secret: a}]`).servedOf("", "a", good+half), want: "Conforming Served", wantBasis: control.BasisBehaviour},
		"a wildcard":           {scene: stage(t, probed).ingress(`hosts: ["*.example.com"], tls: [{hosts: ["*.example.com"], secret: a}]`).servedOf("holdfast.example.com", "a", `served: {`+ok+leaf("aa", `"*.example.com"`, sound)+`}`), want: "Conforming Served", wantBasis: control.BasisBehaviour},
	})
}
