package encryptionatrest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// Reasons of findings on providers and keys.
const (
	// ReasonKeyAccepted surfaces when the provider is allowed, and the key is not
	// known to be too old.
	ReasonKeyAccepted = "KeyAccepted"
	// ReasonProviderNotAllowed surfaces when another provider encrypts.
	ReasonProviderNotAllowed = "ProviderNotAllowed"
	// ReasonKeyTooOld surfaces when the key was first seen longer ago than it may be in use.
	ReasonKeyTooOld = "KeyTooOld"
)

// judgeKeys returns the finding of rule ER-08. A key is at least as old as Holdfast
// knows it; what it was before that, nobody tells.
func (p *servers) judgeKeys() control.Finding {
	var until time.Time
	f := p.fold(RuleKey, "encrypted by what it may not be", func(c *canary) sight {
		if s, done := p.unencrypted(c); done {
			return s
		}
		s, end := p.key(c)
		until = control.Earlier(until, end)
		return s
	})
	f.Until = control.Earlier(f.Until, until)
	if f.Outcome == control.Conforming && f.Reason == "" {
		f.Reason, f.Message = ReasonKeyAccepted, "Each API server encrypts with a provider that is allowed, and no key is known to be too old."
	}
	fact(&f, "key first seen", p.firstSeen()...)
	return f
}

// key judges provider and key of a canary that was stored encrypted, and says when
// the key becomes too old.
func (p *servers) key(c *canary) (s sight, end time.Time) {
	s = sight{canary: c, outcome: control.Conforming}
	for _, prefix := range slices.Sorted(maps.Keys(c.stored.Prefixes)) {
		name := providerOf(prefix)
		if name != "" && len(p.spec.Providers) > 0 && !slices.Contains(p.spec.Providers, name) {
			s.outcome, s.reason = control.Deviating, ReasonProviderNotAllowed
			s.message = fmt.Sprintf("provider %s is not one of %s", name, phrase.Listed(p.spec.Providers))
			return s, time.Time{}
		}
	}
	if p.spec.MaximumKeyAge == nil {
		return s, time.Time{}
	}
	if c.stored.FirstSeen.IsZero() {
		s.outcome, s.reason = control.NotEvaluated, control.ReasonInconclusive
		s.message = "it does not tell which key is in use"
		return s, time.Time{}
	}
	end = c.stored.FirstSeen.Add(p.spec.MaximumKeyAge.Duration)
	if p.in.Now.Before(end) {
		return s, end
	}
	s.outcome, s.reason = control.Deviating, ReasonKeyTooOld
	s.message = fmt.Sprintf("the key has been in use for more than %s, and rotating it is for people", p.spec.MaximumKeyAge.Duration)
	return s, time.Time{}
}

// providerOf returns the provider that a prefix names, such as kms of k8s:enc:kms:v2:name:.
func providerOf(prefix string) string {
	rest, encrypted := strings.CutPrefix(prefix, encryptedPrefix)
	if !encrypted {
		return ""
	}
	name, _, _ := strings.Cut(rest, ":")
	return name
}

func (p *servers) firstSeen() []string {
	var facts []string
	for _, c := range p.canaries {
		if c.stored != nil && !c.stored.FirstSeen.IsZero() {
			facts = append(facts, c.name+": "+c.stored.FirstSeen.UTC().Format(time.RFC3339))
		}
	}
	return facts
}
