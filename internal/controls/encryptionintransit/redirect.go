package encryptionintransit

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Status codes of HTTP.
const (
	statusBadRequest      = 400
	statusUnauthorized    = 401
	statusUpgradeRequired = 426
)

// judgeRedirect returns the finding of rule TR-03. What a host was seen to answer
// in the clear decides; else what annotations predict.
func (r *reading) judgeRedirect(on subject, i *control.Ingress) control.Finding {
	v := newVerdict(on, RuleRedirect, control.BasisConfiguration)
	for _, c := range coveragesOf(i) {
		r.judgePlain(v, i, c)
	}
	if recordsOnly(r.spec.Ingress.PlainHTTP) { // whatever is not known would be recorded too
		v.recorded, v.against, v.undecided = slices.Concat(v.against, v.undecided), nil, nil
	}
	return v.finding(ReasonRedirected, "Plain HTTP redirects to https, or is not served.")
}

func (r *reading) judgePlain(v *verdict, i *control.Ingress, c coverage) {
	var why *issue
	decided := false
	for _, at := range r.handshakesOf(i, c) {
		o := r.handshakes[at]
		if unseen := r.unseen(o, shown(c.host)); unseen != nil {
			why = unseen
			continue
		}
		v.turns(r.in.Now, o.ValidUntil)
		if judgeAnswer(v, c.host, o.Served) {
			v.basis, decided = control.BasisBehaviour, true
			continue
		}
		why = &issue{control.ReasonInconclusive, shown(c.host) + " gave no answer in the clear that decides"}
	}
	if why != nil || !decided {
		r.predictPlain(v, i, c, why)
	}
}

// judgeAnswer judges what a host answered in the clear, and reports whether that
// decides. Errors do not: they may be of one path only.
func judgeAnswer(v *verdict, host string, s *control.Served) bool {
	if s == nil {
		return false
	}
	switch s.HTTP {
	case control.HTTPRedirect, control.HTTPRefused:
		return true
	case control.HTTPRedirectElsewhere:
		if !strings.HasPrefix(s.HTTPTo, "https://") {
			v.accuse(ReasonPlainHTTP, "plain HTTP for %s redirects, but not to https", shown(host))
		}
		return true
	case control.HTTPContent:
		switch {
		case s.HTTPStatus == statusUpgradeRequired:
			return true
		case s.HTTPStatus >= statusBadRequest && s.HTTPStatus != statusUnauthorized:
			return false
		}
		v.accuse(ReasonPlainHTTP, "plain HTTP serves content for %s", shown(host))
		return true
	}
	return false
}

// predictPlain judges by annotations, where no answer decided: why says what was
// wrong with it, and is nil where none was asked for.
func (r *reading) predictPlain(v *verdict, i *control.Ingress, c coverage, why *issue) {
	what, by := predicted(i, c.how != notCovered)
	switch {
	case what == redirects || what == refuses:
		v.see("%s: as annotation %s predicts", shown(c.host), by)
	case what == serves:
		v.accuse(ReasonPlainHTTP, "plain HTTP serves content for %s, as annotation %s predicts", shown(c.host), by)
	case r.leftUnstated(i):
		v.accuse(ReasonNotStated, "annotation %s is absent, which Holdfast takes over", redirectAnnotation(i))
	case why != nil:
		v.undecided = append(v.undecided, *why)
	default:
		v.doubt("annotations do not tell what plain HTTP does for %s, and no handshake shows it", shown(c.host))
	}
}

// leftUnstated reports whether the annotation that redirects is absent although
// Holdfast takes it over.
func (r *reading) leftUnstated(i *control.Ingress) bool {
	name := redirectAnnotation(i)
	_, stated := i.Annotations[name]
	return r.enforcing() && takesOverRedirect(r.spec.Ingress) && name != "" && !stated
}
