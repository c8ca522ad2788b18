package encryptionintransit

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// briefly writes changes as kind and name: with = where they are in place already,
// and - where the object is to go.
func briefly(changes []control.Change) []string {
	var all []string
	for _, c := range changes {
		mark := ""
		switch {
		case c.InPlace:
			mark = "="
		case c.Remove:
			mark = "-"
		}
		all = append(all, fmt.Sprintf("%s%s %s", mark, c.Kind, c.Name))
	}
	return all
}

// refusals returns the reasons of what is refused, in order.
func refusals(err error) []string {
	var reasons []string
	joined, is := err.(interface{ Unwrap() []error })
	if !is {
		return nil
	}
	for _, one := range joined.Unwrap() {
		var refusal *control.Refusal
		if errors.As(one, &refusal) {
			reasons = append(reasons, refusal.Reason)
		}
	}
	return reasons
}

type wanted struct {
	scene *scene
	want  []string
	// wantRefused are the reasons of what is refused.
	wantRefused []string
}

func want(t *testing.T, cases map[string]wanted) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			changes, err := Control{}.Wants(tc.scene.Input)
			if diff := cmp.Diff(tc.want, briefly(changes)); diff != "" {
				t.Errorf("wanted (-want +got):\n%s%v", diff, err)
			}
			if diff := cmp.Diff(tc.wantRefused, refusals(err)); diff != "" {
				t.Errorf("refused (-want +got):\n%s%v", diff, err)
			}
		})
	}
}

const takingOver = `ingress: {takeOver: [Redirect]}`

func TestWantsRedirects(t *testing.T) {
	of := func(fields string) *scene {
		return stage(t, takingOver).enforced().ingress(fields).secret("a", soundHalf("aa", "a.example.com"))
	}
	probing := func() *scene {
		return stage(t, `ingress: {takeOver: [Redirect], certificates: Ignore, handshake: {endpoints: [{ingressClassName: nginx, address: 10.0.0.1}]}}`).enforced().ingress(covering)
	}
	refused := []string{v1alpha1.ReasonRedirectRefused}
	want(t, map[string]wanted{
		"absent":                    {scene: of(covering), want: []string{"Ingress web"}},
		"in place":                  {scene: of(covering + `, annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "true"}`), want: []string{"=Ingress web"}},
		"somebody says otherwise":   {scene: of(covering + `, annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "false"}`), wantRefused: refused},
		"not opted in":              {scene: stage(t, `ingress: {}`).enforced().ingress(covering).secret("a", soundHalf("aa", "a.example.com"))},
		"no certificate read":       {scene: stage(t, takingOver).enforced().ingress(covering), wantRefused: refused},
		"a certificate that is bad": {scene: stage(t, takingOver).enforced().ingress(covering).secret("a", soundHalf("aa", "b.example.com")), wantRefused: refused},
		"a host not covered":        {scene: of(`hosts: [a.example.com, b.example.com], tls: [{hosts: [a.example.com], secret: a}]`), wantRefused: refused},
		"NGINX Inc.":                {scene: of(`controller: nginx.org/ingress-controller, ` + covering), want: []string{"Ingress web"}},
		"a controller not known":    {scene: of(`controller: example.com/x, ` + covering)},
		"not known, and plain":      {scene: probing().change(func(in *control.Input) { in.Snapshot.Ingresses[0].Controller = "example.com/x" }).served("a.example.com", `served: {http: Content, httpStatus: 200}`), wantRefused: refused},
		"seen to be sound":          {scene: probing().served("a.example.com", `served: {versions: ["1.3"], http: Content, httpStatus: 200, leaf: `+leaf("aa", "a.example.com", sound)+`}`), want: []string{"Ingress web"}},
		"seen to be unsound":        {scene: probing().served("a.example.com", `served: {versions: ["1.3"], http: Content, httpStatus: 200, leaf: `+leaf("aa", "b.example.com", sound)+`}`), wantRefused: refused},
		"an ACME challenge":         {scene: of(`solver: true, hosts: [a.example.com]`)},
		"Ingresses not observed":    {scene: of(covering).unavailable(control.NeedIngresses, control.ReasonFailed)},
		"the namespace is going":    {scene: of(covering).change(func(in *control.Input) { in.Snapshot.Namespace.Terminating = true })},
	})
}

// TestWantsOneFieldOfAnIngress: of an object that is not Holdfast's one annotation
// is wanted and nothing else, for that Ingress's own findings.
func TestWantsOneFieldOfAnIngress(t *testing.T) {
	s := stage(t, takingOver).enforced().ingress(covering).secret("a", soundHalf("aa", "a.example.com"))
	changes, err := Control{}.Wants(s.Input)
	if err != nil || len(changes) != 1 {
		t.Fatalf("wanted %v (%v)", briefly(changes), err)
	}
	want := control.Change{
		APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Namespace: "shop", Name: "web", Foreign: true,
		Annotations: map[string]string{"nginx.ingress.kubernetes.io/ssl-redirect": "true"},
		Subject:     &control.Subject{Group: "networking.k8s.io", Kind: "Ingress", Namespace: "shop", Name: "web", UID: "i1"},
		Rules:       []string{RuleRedirect}, Effect: control.Restricts,
	}
	if diff := cmp.Diff(want, changes[0]); diff != "" {
		t.Errorf("wanted (-want +got):\n%s", diff)
	}
}

func TestWantsCertificates(t *testing.T) {
	const template = `ingress: {certificateTemplate: {issuerRef: {name: ca}}}`
	missing := func(fields string) *scene {
		return stage(t, template).enforced().ingress(fields).secret("a", `missing: true`)
	}
	own := func(s *scene, fields string) *scene {
		return s.issued(`name: holdfast-a, uid: c1, secret: a, ours: true, dnsNames: [a.example.com], issuer: ClusterIssuer.cert-manager.io/ca` + fields)
	}
	refused := []string{v1alpha1.ReasonCertificateRefused}
	want(t, map[string]wanted{
		"missing":                 {scene: missing(covering), want: []string{"Certificate holdfast-a"}},
		"there":                   {scene: stage(t, template).enforced().ingress(covering).secret("a", soundHalf("aa", "a.example.com"))},
		"there, and bad":          {scene: stage(t, template).enforced().ingress(covering).secret("a", soundHalf("aa", "b.example.com"))},
		"not read":                {scene: stage(t, template).enforced().ingress(covering)},
		"not opted in":            {scene: stage(t, `ingress: {}`).enforced().ingress(covering).secret("a", `missing: true`)},
		"in place":                {scene: own(missing(covering), ""), want: []string{"=Certificate holdfast-a"}},
		"in place, and issued":    {scene: own(stage(t, template).enforced().ingress(covering).secret("a", soundHalf("aa", "a.example.com")), ""), want: []string{"=Certificate holdfast-a"}},
		"ours, of another issuer": {scene: own(missing(covering), "").change(func(in *control.Input) { in.Snapshot.Certificates[0].Issuer = "Issuer.cert-manager.io/ca" }), want: []string{"Certificate holdfast-a"}},
		"ours, of other hosts":    {scene: own(missing(`hosts: [b.example.com], tls: [{hosts: [b.example.com], secret: a}]`), ""), want: []string{"Certificate holdfast-a"}},
		"ours, and not named":     {scene: own(stage(t, template).enforced().ingress(`hosts: [a.example.com]`), "")},
		"somebody's of the name":  {scene: missing(covering).issued(`name: holdfast-a, uid: c1, secret: b`), wantRefused: []string{v1alpha1.ReasonNameCollision}},
		"somebody makes it":       {scene: missing(covering).issued(`name: a, uid: c1, secret: a`)},
		"cert-manager makes it":   {scene: missing(covering + `, annotations: {cert-manager.io/cluster-issuer: ca}`)},
		"for all hosts left":      {scene: missing(`hosts: [a.example.com, b.example.com], tls: [{hosts: [b.example.com], secret: b}, {secret: a}]`), want: []string{"Certificate holdfast-a"}},
		"for no host":             {scene: missing(`defaultBackend: true, tls: [{secret: a}]`), wantRefused: refused},
		"not installed":           {scene: missing(covering).change(func(in *control.Input) { in.Snapshot.NotServed = []string{"certificates.cert-manager.io"} }), wantRefused: refused},
		"not observed":            {scene: missing(covering).unavailable(control.NeedCertificates, control.ReasonForbidden)},
	})
}

func TestWantsCertificateOfAllHosts(t *testing.T) {
	s := stage(t, `ingress: {certificateTemplate: {issuerRef: {name: ca, kind: Issuer, group: example.com}}}`).enforced().
		ingress(`hosts: [b.x], tls: [{hosts: [b.x], secret: a}]`).ingress(`name: other, uid: i2, hosts: [a.x], tls: [{hosts: [a.x], secret: a}]`).
		secret("a", `missing: true`)
	changes, err := Control{}.Wants(s.Input)
	if err != nil || len(changes) != 1 {
		t.Fatalf("wanted %v (%v)", briefly(changes), err)
	}
	want := map[string]any{
		"secretName": "a", "dnsNames": []any{"a.x", "b.x"},
		"issuerRef": map[string]any{"name": "ca", "kind": "Issuer", "group": "example.com"},
	}
	if diff := cmp.Diff(want, changes[0].Spec); diff != "" {
		t.Errorf("wanted (-want +got):\n%s", diff)
	}
}

func TestWantsStrict(t *testing.T) {
	long := now.Add(-24 * time.Hour)
	with := func(authentications string) *scene {
		return stage(t, `mesh: {provider: Istio}`).enforced().mesh(`served: [Istio], authentications: [` + authentications + `]`).
			workload(`kind: Deployment, name: web, labels: {app: web}, proxy: Istio`).
			change(func(in *control.Input) { in.Snapshot.Mesh.MeshedSince = long })
	}
	const ours = `{name: holdfast-strict, uid: p9, mode: STRICT, ours: true}`
	since := func(at time.Time) func(*control.Input) {
		return func(in *control.Input) { in.Snapshot.Mesh.MeshedSince = at }
	}
	refused, pending := []string{v1alpha1.ReasonStrictRefused}, []string{v1alpha1.ReasonPending}
	strict := []string{"PeerAuthentication holdfast-strict"}
	want(t, map[string]wanted{
		"permissive":               {scene: with(``), want: strict},
		"strict by the mesh":       {scene: with(`{name: default, namespace: istio-system, uid: p0, mode: STRICT}`)},
		"strict by the namespace":  {scene: with(`{name: a, uid: p1, mode: STRICT}`)},
		"in place":                 {scene: with(ours), want: []string{"=PeerAuthentication holdfast-strict"}},
		"altered":                  {scene: with(`{name: holdfast-strict, uid: p9, mode: PERMISSIVE, ours: true}`), want: strict},
		"altered, not seen long":   {scene: with(`{name: holdfast-strict, uid: p9, mode: PERMISSIVE, ours: true}`).change(since(time.Time{})), want: strict},
		"narrowed":                 {scene: with(`{name: holdfast-strict, uid: p9, mode: STRICT, selector: {app: web}, ours: true}`), want: strict},
		"somebody's of the name":   {scene: with(`{name: holdfast-strict, uid: p9, mode: PERMISSIVE}`), wantRefused: []string{v1alpha1.ReasonNameCollision}},
		"somebody's permissive":    {scene: with(`{name: default, uid: p1, mode: PERMISSIVE}`)},
		"somebody's that inherits": {scene: with(`{name: default, uid: p1}`), wantRefused: refused},
		"a workload of its own":    {scene: with(`{name: a, uid: p1, selector: {app: web}, mode: PERMISSIVE}`)},
		"not seen long enough":     {scene: with(``).change(since(long.Add(time.Second))), wantRefused: pending},
		"not known since when":     {scene: with(``).change(since(time.Time{})), wantRefused: pending},
		"a shorter window":         {scene: with(``).change(since(now.Add(-2 * time.Minute))).change(func(in *control.Input) { in.Control.EncryptionInTransit.Mesh.StrictAfter = minutes(2) }), want: strict},
		"mixed":                    {scene: with(``).workload(`kind: CronJob, name: batch`), wantRefused: refused},
		"mixed, ours in place":     {scene: with(`{name: holdfast-strict, uid: p9, mode: PERMISSIVE, ours: true}`).workload(`kind: CronJob, name: batch`), wantRefused: refused},
		"a webhook": {scene: with(``).change(func(in *control.Input) {
			in.Snapshot.AdmissionBackends = []control.AdmissionBackend{{Service: "hook", Port: 443}}
		}), wantRefused: refused},
		"DNS": {scene: with(``).change(func(in *control.Input) {
			in.Snapshot.Lifelines = &control.Lifelines{DNS: &control.DNS{Namespace: "shop"}}
		}), wantRefused: refused},
		"no pods":               {scene: stage(t, `mesh: {provider: Istio}`).enforced().mesh(`served: [Istio]`)},
		"not installed":         {scene: stage(t, `mesh: {provider: Istio}`).enforced().workload(`kind: Deployment, name: web`)},
		"Linkerd":               {scene: stage(t, `mesh: {provider: Linkerd}`).enforced().mesh(`served: [Linkerd]`).workload(`kind: Deployment, name: web, proxy: Linkerd`)},
		"not observed":          {scene: with(``).unavailable(control.NeedMesh, control.ReasonFailed)},
		"webhooks not observed": {scene: with(``).unavailable(control.NeedAdmissionBackends, control.ReasonFailed)},
	})
}

// TestWantsSettle: applying what is wanted leaves nothing of it to do.
func TestWantsSettle(t *testing.T) {
	s := stage(t, `ingress: {takeOver: [Redirect], certificateTemplate: {issuerRef: {name: ca}}}, mesh: {provider: Istio}`).enforced().
		ingress(covering).ingress(`name: new, uid: i2, hosts: [n.x], tls: [{hosts: [n.x], secret: fresh}]`).
		secret("a", soundHalf("aa", "a.example.com")).secret("fresh", `missing: true`).
		mesh(`served: [Istio]`).workload(`kind: Deployment, name: web, proxy: Istio`).
		change(func(in *control.Input) { in.Snapshot.Mesh.MeshedSince = now.Add(-48 * time.Hour) })
	changes, _ := Control{}.Wants(s.Input)
	if diff := cmp.Diff([]string{"Ingress web", "Certificate holdfast-fresh", "PeerAuthentication holdfast-strict"}, briefly(changes)); diff != "" {
		t.Fatalf("wanted (-want +got):\n%s", diff)
	}
	s.Snapshot.Ingresses[0].Annotations = changes[0].Annotations
	s.issued(`name: holdfast-fresh, uid: c1, secret: fresh, ours: true, dnsNames: [n.x], issuer: ClusterIssuer.cert-manager.io/ca`).
		mesh(`authentications: [{name: holdfast-strict, uid: p9, mode: STRICT, ours: true}]`)
	changes, _ = Control{}.Wants(s.Input)
	if diff := cmp.Diff([]string{"=Ingress web", "=Certificate holdfast-fresh", "=PeerAuthentication holdfast-strict"}, briefly(changes)); diff != "" {
		t.Errorf("wanted then (-want +got):\n%s", diff)
	}
	if f := controltest.FindingOf(t, Control{}, s.Input, RuleMesh); f.Outcome != control.Conforming {
		t.Errorf("%s is %s", f.Rule, controltest.Summary(f))
	}
}
