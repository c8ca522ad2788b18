package encryptionintransit

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestIstio(t *testing.T) {
	with := func(authentications string) *scene {
		return stage(t, `mesh: {provider: Istio, plainPorts: [9000]}`).mesh(`served: [Istio], authentications: [` + authentications + `]`)
	}
	meshed := func(authentications string) *scene {
		return with(authentications).workload(`kind: Deployment, name: web, labels: {app: web}, proxy: Istio`)
	}
	const (
		root   = `{name: default, namespace: istio-system, uid: p0, mode: STRICT}`
		strict = "Conforming Strict"
	)
	judge(t, RuleMesh, map[string]judged{
		"nothing said":             {scene: meshed(``), want: "Deviating NotStrict: Deployment web is PERMISSIVE (no PeerAuthentication)"},
		"the mesh":                 {scene: meshed(root), want: strict},
		"the namespace":            {scene: meshed(`{name: a, uid: p1, mode: STRICT}`), want: strict},
		"the workload":             {scene: meshed(`{name: a, uid: p1, selector: {app: web}, mode: STRICT}`), want: strict},
		"another workload":         {scene: meshed(`{name: a, uid: p1, selector: {app: api}, mode: STRICT}`), want: "Deviating NotStrict: Deployment web is PERMISSIVE (no PeerAuthentication)"},
		"the namespace undoes":     {scene: meshed(root + `, {name: a, uid: p1, mode: PERMISSIVE}`), want: "Deviating NotStrict: Deployment web is PERMISSIVE (PeerAuthentication a)"},
		"the workload undoes":      {scene: meshed(root + `, {name: a, uid: p1, mode: STRICT}, {name: b, uid: p2, selector: {app: web}, mode: DISABLE}`), want: "Deviating NotStrict: Deployment web is DISABLE (PeerAuthentication b)"},
		"UNSET inherits":           {scene: meshed(root + `, {name: a, uid: p1, mode: UNSET}, {name: b, uid: p2, selector: {app: web}}`), want: strict},
		"UNSET of the mesh":        {scene: meshed(`{name: default, namespace: istio-system, uid: p0, mode: UNSET}`), want: "Deviating NotStrict: Deployment web is PERMISSIVE (no PeerAuthentication)"},
		"the older one of two":     {scene: meshed(`{name: a, uid: p1, mode: STRICT, createdAt: "2027-01-02T00:00:00Z"}, {name: b, uid: p2, mode: PERMISSIVE, createdAt: "2027-01-01T00:00:00Z"}`), want: "Deviating NotStrict: Deployment web is PERMISSIVE (PeerAuthentication b)"},
		"a port undoes":            {scene: meshed(root + `, {name: b, uid: p2, selector: {app: web}, portModes: {8080: PERMISSIVE}}`), want: "Deviating NotStrict: Deployment web is PERMISSIVE at port 8080 (PeerAuthentication b)"},
		"a port that may":          {scene: meshed(root + `, {name: b, uid: p2, selector: {app: web}, portModes: {9000: DISABLE}}`), want: strict},
		"a port inherits":          {scene: meshed(root + `, {name: b, uid: p2, selector: {app: web}, portModes: {8080: UNSET}}`), want: strict},
		"ports of the namespace":   {scene: meshed(`{name: a, uid: p1, mode: STRICT, portModes: {8080: DISABLE}}`), want: strict},
		"only a port":              {scene: meshed(`{name: b, uid: p2, selector: {app: web}, portModes: {8080: STRICT}}`), want: "Deviating NotStrict: Deployment web is PERMISSIVE (no PeerAuthentication)"},
		"root with a selector":     {scene: meshed(`{name: s, namespace: istio-system, uid: p0, selector: {app: web}, mode: STRICT}`), want: "NotEvaluated Inconclusive"},
		"root undoes, selecting":   {scene: meshed(`{name: a, uid: p1, mode: STRICT}, {name: s, namespace: istio-system, uid: p0, selector: {app: web}, mode: DISABLE}`), want: "NotEvaluated Inconclusive"},
		"root agrees, selecting":   {scene: meshed(root + `, {name: s, namespace: istio-system, uid: p0, selector: {app: web}, mode: STRICT}`), want: strict},
		"root selects another":     {scene: meshed(root + `, {name: s, namespace: istio-system, uid: p0, selector: {app: api}, mode: DISABLE}`), want: strict},
		"the root itself":          {scene: meshed(`{name: default, uid: p0, mode: STRICT}`).change(func(in *control.Input) { in.Snapshot.Namespace.Name = control.IstioRoot }), want: strict},
		"another root, inherited":  {scene: meshed(root).change(func(in *control.Input) { in.Control.EncryptionInTransit.Mesh.RootNamespace = "mesh" }), want: "NotEvaluated Inconclusive"},
		"another root, own policy": {scene: meshed(`{name: a, uid: p1, mode: STRICT}`).change(func(in *control.Input) { in.Control.EncryptionInTransit.Mesh.RootNamespace = "mesh" }), want: strict},

		"no proxy":                 {scene: with(root).workload(`kind: CronJob, name: batch`), want: "Deviating NotMeshed: CronJob batch has no proxy of Istio"},
		"one of two without":       {scene: meshed(root).workload(`kind: StatefulSet, name: db`), want: "Deviating NotMeshed: StatefulSet db has no proxy of Istio"},
		"another mesh's proxy":     {scene: with(root).workload(`kind: Deployment, name: web, proxy: Linkerd`), want: "Deviating NotMeshed: Deployment web has no proxy of Istio"},
		"pods by themselves":       {scene: with(root).workload(`kind: Pod, name: ""`), want: "Deviating NotMeshed: Pods without a controller has no proxy of Istio"},
		"ambient":                  {scene: with(root).workload(`kind: Deployment, name: web, proxy: IstioAmbient`), want: strict},
		"ambient skips DISABLE":    {scene: with(root + `, {name: a, uid: p1, mode: DISABLE}`).workload(`kind: Deployment, name: web, proxy: IstioAmbient`), want: strict},
		"past the proxy":           {scene: with(root).workload(`kind: Deployment, name: web, proxy: Istio, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "9000,8081"}`), want: "Deviating Bypassed: Deployment web has traffic to port 8081 go past its proxy"},
		"past it where it may":     {scene: with(root).workload(`kind: Deployment, name: web, proxy: Istio, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "9000"}`), want: strict},
		"only some ports":          {scene: with(root).workload(`kind: Deployment, name: web, proxy: Istio, annotations: {traffic.sidecar.istio.io/includeInboundPorts: "8080"}`), want: `Deviating Bypassed: Deployment web has traffic to every port but "8080" go past its proxy`},
		"all ports":                {scene: with(root).workload(`kind: Deployment, name: web, proxy: Istio, annotations: {traffic.sidecar.istio.io/includeInboundPorts: "*"}`), want: strict},
		"nonsense past the proxy":  {scene: with(root).workload(`kind: Deployment, name: web, proxy: Istio, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "all"}`), want: "Deviating Bypassed: Deployment web has traffic to all go past its proxy"},
		"a destination disables":   {scene: meshed(root).mesh(`destinations: [{name: d, uid: d1, host: db, modes: {trafficPolicy.tls: DISABLE}}]`), want: "Deviating PlainDestination: DestinationRule d has traffic to db sent with DISABLE (trafficPolicy.tls)"},
		"a destination simplifies": {scene: meshed(root).mesh(`destinations: [{name: d, uid: d1, host: db.other.svc.cluster.local, modes: {"subsets[v1].tls": SIMPLE}}]`), want: "Deviating PlainDestination: DestinationRule d has traffic to db.other.svc.cluster.local sent with SIMPLE (subsets[v1].tls)"},
		"a destination is mutual":  {scene: meshed(root).mesh(`destinations: [{name: d, uid: d1, host: db, modes: {trafficPolicy.tls: ISTIO_MUTUAL}}]`), want: strict},
		"a destination outside":    {scene: meshed(root).mesh(`destinations: [{name: d, uid: d1, host: api.example.com, modes: {trafficPolicy.tls: SIMPLE}}]`), want: strict},
		"every destination":        {scene: meshed(root).mesh(`destinations: [{name: d, uid: d1, host: "*.local", modes: {trafficPolicy.tls: DISABLE}}]`), want: "Deviating PlainDestination: DestinationRule d has traffic to *.local sent with DISABLE (trafficPolicy.tls)"},
		"no pods":                  {scene: with(root), want: "NotApplicable NoWorkloads"},
		"not installed":            {scene: stage(t, `mesh: {provider: Istio}`), want: "Deviating NotInstalled: Istio is not installed"},
		"another one installed":    {scene: stage(t, `mesh: {provider: Istio}`).mesh(`served: [Linkerd]`), want: "Deviating NotInstalled: Istio is not installed"},
		"not observed":             {scene: meshed(root).unavailable(control.NeedMesh, control.ReasonForbidden), want: "NotEvaluated Forbidden"},
		"not observed, no reason":  {scene: meshed(root).unavailable(control.NeedMesh, ""), want: "NotEvaluated Failed"},
	})
}

func TestLinkerd(t *testing.T) {
	with := func(workload string) *scene {
		return stage(t, `mesh: {provider: Linkerd, plainPorts: [9000, 9001]}`).mesh(`served: [Linkerd]`).workload(`kind: Deployment, name: web, ` + workload)
	}
	judge(t, RuleMesh, map[string]judged{
		"all-authenticated":     {scene: with(`proxy: Linkerd, inboundPolicy: all-authenticated`), want: "Conforming Strict"},
		"cluster-authenticated": {scene: with(`proxy: Linkerd, inboundPolicy: cluster-authenticated`), want: "Conforming Strict"},
		"deny":                  {scene: with(`proxy: Linkerd, inboundPolicy: deny`), want: "Conforming Strict"},
		"all-unauthenticated":   {scene: with(`proxy: Linkerd, inboundPolicy: all-unauthenticated`), want: "Deviating NotStrict: Deployment web has the inbound policy all-unauthenticated"},
		"audit":                 {scene: with(`proxy: Linkerd, inboundPolicy: audit`), want: "Deviating NotStrict: Deployment web has the inbound policy audit"},
		"not stated":            {scene: with(`proxy: Linkerd`), want: "NotEvaluated Inconclusive"},
		"older than stated":     {scene: with(`proxy: Linkerd`).mesh(`inboundPolicy: all-authenticated`), want: "NotEvaluated Inconclusive"},
		"no proxy":              {scene: with(`inboundPolicy: deny`), want: "Deviating NotMeshed: Deployment web has no proxy of Linkerd"},
		"past the proxy":        {scene: with(`proxy: Linkerd, inboundPolicy: deny, annotations: {config.linkerd.io/skip-inbound-ports: "9000-9001, 9002"}`), want: "Deviating Bypassed: Deployment web has traffic to port 9002 go past its proxy"},
		"past it where it may":  {scene: with(`proxy: Linkerd, inboundPolicy: deny, annotations: {config.linkerd.io/skip-inbound-ports: "9000-9001"}`), want: "Conforming Strict"},
		"a wide range past it":  {scene: with(`proxy: Linkerd, inboundPolicy: deny, annotations: {config.linkerd.io/skip-inbound-ports: "1-65535"}`), want: "Deviating Bypassed: Deployment web has traffic to port 1-65535 go past its proxy"},
		"not installed":         {scene: stage(t, `mesh: {provider: Linkerd}`).mesh(`served: [Istio]`), want: "Deviating NotInstalled: Linkerd is not installed"},
	})
}
