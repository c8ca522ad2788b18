package encryptionintransit

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestServices(t *testing.T) {
	under := func(fields, ports string) *scene {
		return stage(t, fields).service(`name: web, uid: s1, type: ClusterIP, selector: {app: web}, ports: [` + ports + `]`)
	}
	of := func(ports string) *scene { return under(`services: {}`, ports) }
	meshed := func(s *scene, authentications string) *scene {
		return s.mesh(`served: [Istio], authentications: [` + authentications + `]`).workload(`kind: Deployment, name: web, labels: {app: web}, proxy: Istio, ports: [8080]`)
	}
	const (
		http   = `{name: http, protocol: TCP, port: 80, target: 8080}`
		strict = `{name: a, uid: p1, mode: STRICT}`
		plain  = "Deviating PlainPort: port 80 is in the clear, as its name http says"
	)
	judge(t, RuleServices, map[string]judged{
		"https by name":             {scene: of(`{name: https, protocol: TCP, port: 8000, target: 1}`), want: "Conforming Encrypted"},
		"https by number":           {scene: of(`{protocol: TCP, port: 443, target: 1}`), want: "Conforming Encrypted"},
		"https by appProtocol":      {scene: of(`{name: http, protocol: TCP, port: 80, target: 1, appProtocol: HTTPS}`), want: "Conforming Encrypted"},
		"tls with a suffix":         {scene: of(`{name: tls-db, protocol: TCP, port: 5432, target: 1}`), want: "Conforming Encrypted"},
		"http by name":              {scene: of(http), want: plain},
		"http by number":            {scene: of(`{protocol: TCP, port: 8080, target: 1}`), want: "Deviating PlainPort: port 8080 is in the clear, as its number says"},
		"h2c by appProtocol":        {scene: of(`{protocol: TCP, port: 443, target: 1, appProtocol: kubernetes.io/h2c}`), want: "Deviating PlainPort: port 443 is in the clear, as appProtocol kubernetes.io/h2c says"},
		"an unknown appProtocol":    {scene: of(`{name: https, protocol: TCP, port: 443, target: 1, appProtocol: example.com/mine}`), want: "NotEvaluated Inconclusive"},
		"DNS":                       {scene: of(`{name: dns, protocol: UDP, port: 53, target: 53}`), want: "Deviating PlainPort: port 53/UDP is in the clear, as its name dns says"},
		"a database":                {scene: of(`{name: postgres, protocol: TCP, port: 5432, target: 1}`), want: "NotEvaluated Inconclusive"},
		"gRPC at a known number":    {scene: of(`{name: grpc, protocol: TCP, port: 443, target: 1}`), want: "NotEvaluated Inconclusive"},
		"a name against the number": {scene: of(`{name: http, protocol: TCP, port: 443, target: 1}`), want: "NotEvaluated Inconclusive"},
		"a name that says nothing":  {scene: of(`{name: metrics, protocol: TCP, port: 8443, target: 1}`), want: "Conforming Encrypted"},
		"nothing known":             {scene: of(`{name: metrics, protocol: TCP, port: 9100, target: 1}`), want: "NotEvaluated Inconclusive"},
		"the worst of three":        {scene: of(http + `, {name: https, protocol: TCP, port: 443, target: 1}, {name: x, protocol: TCP, port: 9100, target: 1}`), want: plain},
		"another name":              {scene: stage(t, `services: {}`).service(`name: web, uid: s1, type: ExternalName, ports: [` + http + `]`), want: "NotApplicable NoPorts"},
		"no ports":                  {scene: of(``), want: "NotApplicable NoPorts"},

		"listed":                   {scene: under(`services: {plainPorts: [{ports: [80], reason: a page of the shop}]}`, http), want: "Conforming Recorded"},
		"listed for it":            {scene: under(`services: {plainPorts: [{namespaces: [shop], services: [web], ports: [80], reason: r}]}`, http), want: "Conforming Recorded"},
		"listed elsewhere":         {scene: under(`services: {plainPorts: [{namespaces: [other], ports: [80], reason: r}]}`, http), want: plain},
		"listed for another":       {scene: under(`services: {plainPorts: [{services: [api], ports: [80], reason: r}]}`, http), want: plain},
		"another port listed":      {scene: under(`services: {plainPorts: [{ports: [8080], reason: r}]}`, http), want: plain},
		"listed beside an unknown": {scene: under(`services: {plainPorts: [{ports: [80], reason: r}]}`, http+`, {protocol: TCP, port: 9100, target: 1}`), want: "NotEvaluated Inconclusive"},

		"meshed":                   {scene: meshed(of(http), strict), want: "Conforming Meshed"},
		"meshed, permissive":       {scene: meshed(of(http), ``), want: plain},
		"meshed, judged":           {scene: meshed(under(`services: {meshed: Judge}`, http), strict), want: plain},
		"meshed, unknown protocol": {scene: meshed(of(`{name: x, protocol: TCP, port: 9100, target: 1}`), strict), want: "Conforming Meshed"},
		"meshed but one":           {scene: meshed(of(http), strict).workload(`kind: Deployment, name: canary, labels: {app: web}`), want: plain},
		"others are not meshed":    {scene: meshed(of(http), strict).workload(`kind: Deployment, name: api, labels: {app: api}`), want: "Conforming Meshed"},
		"the port permissive":      {scene: meshed(of(http), strict+`, {name: b, uid: p2, selector: {app: web}, portModes: {8080: PERMISSIVE}}`), want: plain},
		"another port permissive":  {scene: meshed(of(http), strict+`, {name: b, uid: p2, selector: {app: web}, portModes: {9090: PERMISSIVE}}`), want: "Conforming Meshed"},
		"a named target":           {scene: meshed(of(`{name: http, protocol: TCP, port: 80, target: web}`), strict+`, {name: b, uid: p2, selector: {app: web}, portModes: {9090: PERMISSIVE}}`), want: plain},
		"only the port strict":     {scene: meshed(of(http), `{name: b, uid: p2, selector: {app: web}, portModes: {8080: STRICT}}`), want: "Conforming Meshed"},
		"nobody behind it":         {scene: of(http).mesh(`served: [Istio], authentications: [` + strict + `]`), want: plain},
		"no selector":              {scene: stage(t, `services: {}`).service(`name: web, uid: s1, type: ClusterIP, ports: [` + http + `]`).mesh(`served: [Istio], authentications: [` + strict + `]`).workload(`kind: Deployment, name: web, proxy: Istio`), want: plain},
		"past the proxy":           {scene: of(http).mesh(`served: [Istio], authentications: [` + strict + `]`).workload(`kind: Deployment, name: web, labels: {app: web}, proxy: Istio, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "8080"}`), want: plain},
		"another port past it":     {scene: of(http).mesh(`served: [Istio], authentications: [` + strict + `]`).workload(`kind: Deployment, name: web, labels: {app: web}, proxy: Istio, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "9090"}`), want: "Conforming Meshed"},
		"Linkerd":                  {scene: of(http).mesh(`served: [Linkerd]`).workload(`kind: Deployment, name: web, labels: {app: web}, proxy: Linkerd, inboundPolicy: all-authenticated`), want: "Conforming Meshed"},
		"Linkerd, audit":           {scene: of(http).mesh(`served: [Linkerd]`).workload(`kind: Deployment, name: web, labels: {app: web}, proxy: Linkerd, inboundPolicy: audit`), want: plain},

		"the mesh not observed":      {scene: of(http).unavailable(control.NeedMesh, control.ReasonForbidden), want: "NotEvaluated Forbidden"},
		"not observed, nor needed":   {scene: of(`{name: https, protocol: TCP, port: 443, target: 1}`).unavailable(control.NeedMesh, control.ReasonForbidden), want: "Conforming Encrypted"},
		"not observed, not accepted": {scene: under(`services: {meshed: Judge}`, http).unavailable(control.NeedMesh, control.ReasonForbidden), want: plain},
		"Services not observed":      {scene: of(http).unavailable(control.NeedServices, control.ReasonFailed), want: "NotEvaluated Failed"},
	})
}

func TestIssued(t *testing.T) {
	of := func(fields string) *scene {
		return stage(t, `certificates: {}`).issued(`name: c, uid: c1, secret: c, ` + fields)
	}
	const dates = `notAfter: "2027-05-01T00:00:00Z", renewalTime: "2027-04-01T00:00:00Z"`
	judge(t, RuleIssued, map[string]judged{
		"issued":              {scene: of(`ready: "True", ` + dates), want: "Conforming Issued"},
		"not ready":           {scene: of(`ready: "False", reason: DoesNotExist`), want: "Deviating NotReady: the Certificate is not ready (DoesNotExist)"},
		"unknown":             {scene: of(`ready: Unknown, ` + dates), want: "Deviating NotReady: the Certificate is not ready"},
		"new":                 {scene: of(`ready: ""`), want: "Deviating NotReady: the Certificate is not ready"},
		"without an end":      {scene: of(`ready: "True"`), want: "NotEvaluated Inconclusive"},
		"expired":             {scene: of(`ready: "True", notAfter: "2027-03-01T12:00:00Z"`), want: "Deviating Expired: the Certificate has expired"},
		"expires soon":        {scene: of(`ready: "True", notAfter: "2027-03-08T12:00:00Z"`), want: "Deviating Expiring: the Certificate expires within 168h"},
		"expires a bit later": {scene: of(`ready: "True", notAfter: "2027-03-08T12:00:01Z"`), want: "Conforming Issued"},
		"renewal is due":      {scene: of(`ready: "True", notAfter: "2027-05-01T00:00:00Z", renewalTime: "2027-03-01T12:00:00Z"`), want: "Deviating RenewalOverdue: the Certificate's renewal is due"},
		"attempts failed":     {scene: of(`ready: "True", failedAttempts: 3, ` + dates), want: "Deviating IssuanceFailed: attempts to issue the Certificate failed"},
		"none":                {scene: stage(t, `certificates: {}`), want: "NotApplicable Installed"},
		"not installed":       {scene: stage(t, `certificates: {}`).change(func(in *control.Input) { in.Snapshot.NotServed = []string{"certificates.cert-manager.io"} }), want: "Deviating NotInstalled: cert-manager is not installed"},
		"not observed":        {scene: of(`ready: "True", `+dates).unavailable(control.NeedCertificates, control.ReasonForbidden), want: "NotEvaluated Forbidden"},
	})
}
