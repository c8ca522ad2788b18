package encryptionintransit

import (
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// Wants implements control.Remediator: the annotation that redirects, Certificates
// from the template, PeerAuthentication STRICT, and the guard. Nothing that is
// there is deleted, but for a guard of Holdfast's own that is no longer stated;
// no certificate is overwritten, and nothing that somebody else wrote is changed.
func (Control) Wants(in control.Input) ([]control.Change, error) {
	if in.Control.EncryptionInTransit == nil || in.Snapshot == nil || in.Snapshot.Namespace.Terminating {
		return nil, nil
	}
	w := &wanting{reading: read(in)}
	if in.Snapshot.Namespace.IsCluster() {
		w.guard()
	} else {
		w.redirects()
		w.issue()
		w.strict()
	}
	return w.changes, errors.Join(w.refusals...)
}

// wanting gathers what is wanted, and what is refused.
type wanting struct {
	*reading
	changes  []control.Change
	refusals []error
}

func (w *wanting) want(c control.Change) { w.changes = append(w.changes, c) }

func (w *wanting) refuse(reason, format string, args ...any) {
	w.refusals = append(w.refusals, &control.Refusal{Reason: reason, Message: phrase.Clip(fmt.Sprintf(format, args...), maxMessage)})
}

// guard wants the objects of the guard, or that those which are left go.
func (w *wanting) guard() {
	if reason, _ := w.in.Snapshot.Unobserved(control.NeedGuards); reason != "" {
		return
	}
	stated := w.guardStated()
	if stated == nil {
		w.removeGuards()
		return
	}
	for _, c := range w.guardObjects(stated) {
		if have := w.guardObject(c.Kind, c.Name); have != nil && !have.Ours {
			w.refuse(v1alpha1.ReasonNameCollision, "%s %s is left as it is: Holdfast did not create it.", c.Kind, c.Name)
			continue
		}
		w.want(c)
	}
}

// removeGuards wants that guards go which are no longer stated: the binding first.
func (w *wanting) removeGuards() {
	if !w.answersForGuard() {
		return
	}
	for _, kind := range []string{bindingKind, policyKind} {
		for _, g := range w.guardsLeft() {
			if g.Kind == kind {
				w.want(control.Change{
					APIVersion: admissionVersion, Kind: kind, Name: g.Name, Remove: true,
					Rules: []string{RuleGuard}, Effect: control.Restricts,
				})
			}
		}
	}
}

// redirects wants the annotation by which controllers redirect, on the Ingresses
// whose certificates were found valid.
func (w *wanting) redirects() {
	if w.spec.Ingress == nil || !takesOverRedirect(w.spec.Ingress) {
		return
	}
	if reason, _ := w.in.Snapshot.Unobserved(control.NeedIngresses); reason != "" {
		return
	}
	for n := range w.in.Snapshot.Ingresses {
		if i := &w.in.Snapshot.Ingresses[n]; !i.Solver {
			w.redirect(i)
		}
	}
}

func (w *wanting) redirect(i *control.Ingress) {
	on := w.object(networkingGroup, "Ingress", i.Meta)
	plain := w.judgeRedirect(on, i)
	name := redirectAnnotation(i)
	value, stated := i.Annotations[name]
	switch {
	case name == "":
		if plain.Outcome == control.Deviating {
			w.refuse(v1alpha1.ReasonRedirectRefused, "Ingress %s is not made to redirect: by which annotation its controller does is not known.", i.Name)
		}
		return
	case stated && value != "true":
		if plain.Outcome == control.Deviating {
			w.refuse(v1alpha1.ReasonRedirectRefused, "Ingress %s is left as it is: somebody set its annotation %s to %q.", i.Name, name, value)
		}
		return
	}
	if why := w.unsound(on, i); why != "" {
		if plain.Outcome == control.Deviating {
			w.refuse(v1alpha1.ReasonRedirectRefused, "Ingress %s is not made to redirect: %s.", i.Name, why)
		}
		return
	}
	w.want(control.Change{
		APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Namespace: w.in.Snapshot.Namespace.Name, Name: i.Name,
		Annotations: map[string]string{name: "true"}, Foreign: true, InPlace: stated,
		Subject: &on.Subject, Rules: []string{RuleRedirect}, Effect: control.Restricts,
	})
}

// unsound returns why a redirect to https would lead nowhere: a host is not known
// to be served with a valid certificate.
func (w *wanting) unsound(on subject, i *control.Ingress) string {
	if w.judgeCoverage(on, i).Outcome != control.Conforming {
		return "TLS is not known to cover every host"
	}
	if judgesCertificates(w.spec.Ingress) && w.judgeCertificates(on, i).Outcome == control.Conforming {
		return ""
	}
	if w.spec.Ingress.Handshake != nil && w.judgeHandshakes(on, i).Outcome == control.Conforming {
		return ""
	}
	return "its certificates were not found valid"
}
