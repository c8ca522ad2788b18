package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// unseen is the first of the subjects that are not evaluated: one of which a permission
// is missing before others, then by the control's priority, and by name.
type unseen struct {
	record  *ledger.Record
	urgency int
	// message says why, in full.
	message string
}

// note takes note of a subject that is not evaluated.
func (u *unseen) note(c *assess.Control, rec *ledger.Record) {
	next := unseen{record: rec, urgency: urgencyOf(c.Spec.Priority)}
	if u.record == nil || next.compare(u) < 0 {
		*u = next
	}
}

func (u *unseen) compare(o *unseen) int {
	return cmp.Or(boolRank(!forbidden(u.record))-boolRank(!forbidden(o.record)), cmp.Compare(u.urgency, o.urgency),
		cmp.Compare(u.record.Unit.Subject.String(), o.record.Unit.Subject.String()), cmp.Compare(u.record.Unit.Control, o.record.Unit.Control))
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

func forbidden(r *ledger.Record) bool {
	return slices.ContainsFunc(r.State.Rules, func(rule control.RuleState) bool { return rule.Reason == control.ReasonForbidden })
}

// String says how many subjects are not evaluated, which is the first, and why.
func (u unseen) String(number int32) string {
	if u.record == nil || number == 0 {
		return "the state of some subjects is not known"
	}
	subjects := "1 subject is not evaluated"
	if number > 1 {
		subjects = fmt.Sprintf("%d subjects are not evaluated; the first", number)
	}
	var why []string
	for _, rule := range u.record.State.Rules {
		why = append(why, strings.TrimSpace(rule.Rule+" "+rule.Reason))
	}
	return phrase.Clip(fmt.Sprintf("%s, under %s: %s: %s: %s", subjects, u.record.Unit.Control, u.record.Unit.Subject,
		strings.Join(why, ", "), cmp.Or(u.message, u.record.Message)), maxCause)
}

// whys hold what keeps a control from being evaluated where that is a permission: in
// full, for an entry has room for the beginning only, and what to do stands at the end.
type whys struct {
	mu sync.Mutex
	by map[enforce.Source]why
}

// why is that of the first of the control's subjects.
type why struct{ subject, message string }

// note takes note of why units of a pass are not evaluated.
func (w *whys) note(units []unit) {
	for i := range units {
		u := &units[i]
		if u.State.Outcome != control.NotEvaluated || len(u.Findings) == 0 {
			continue
		}
		message, subject := u.Messages(), u.Subject.String()
		if len(message) <= maxText {
			continue
		}
		source := enforce.Source{Policy: u.def.Name, Control: u.Control.Spec.ID}
		w.mu.Lock()
		if last, known := w.by[source]; !known || subject <= last.subject {
			w.by[source] = why{subject, message}
		}
		w.mu.Unlock()
	}
}

func (w *whys) forget(policy string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for source := range w.by {
		if source.Policy == policy {
			delete(w.by, source)
		}
	}
}

// whole is the message of a record in full, where it is known to go on.
func (r *Engine) whole(u unseen) string {
	if u.record == nil {
		return ""
	}
	r.whys.mu.Lock()
	defer r.whys.mu.Unlock()
	full := r.whys.by[enforce.Source{Policy: u.record.Unit.Policy, Control: u.record.Unit.Control}].message
	if begin, clipped := strings.CutSuffix(u.record.Message, "…"); clipped && strings.HasPrefix(full, begin) {
		return full
	}
	return u.record.Message
}
