package ledger

import (
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Bounds of what others put into an entry, in bytes of its encoded form. What
// is left of MaxEntrySize is room for the longest names that an API server
// accepts: an entry holds up to two states.
const (
	maxStateSize = 640
	maxText      = 256
	// ruleSize is what a rule of a state takes besides its texts, markSize what
	// stands for the culprits that are left out.
	ruleSize = 40
	markSize = 48
)

// What an entry about a run of probes keeps where all of it would not fit: controls
// that asked for it, and keys.
const (
	maxShedFor  = 2
	maxShedKeys = 12
)

// Bounded returns the state as an entry holds it: the same for all states but
// those that would not fit. Those keep as many rules and culprits as do, in
// order, and end with a digest of the whole, so that two states which differ
// only in what is left out still differ.
func Bounded(s control.State) control.State {
	if stateSize(s) <= maxStateSize {
		return s
	}
	room := maxStateSize - markSize
	rules := make([]control.RuleState, 0, len(s.Rules))
	for _, r := range s.Rules {
		r = control.RuleState{Rule: clip(r.Rule, maxText/4), Reason: clip(r.Reason, maxText/4)}
		if room -= ruleSizeOf(r); room < 0 {
			break
		}
		rules = append(rules, r)
	}
	for i := 0; i < len(rules) && room > 0; i++ {
		for _, culprit := range s.Rules[i].Culprits {
			if room -= textSize(culprit) + 3; room < 0 {
				break
			}
			rules[i].Culprits = append(rules[i].Culprits, culprit)
		}
	}
	last := &rules[len(rules)-1]
	last.Culprits = append(last.Culprits, "all: sha256:"+digestOf("holdfast.dev/state-digest/v1", s)[:32])
	return control.State{Outcome: s.Outcome, Basis: s.Basis, Rules: rules}
}

func stateSize(s control.State) int {
	size := 0
	for _, r := range s.Rules {
		size += ruleSizeOf(r)
		for _, culprit := range r.Culprits {
			size += textSize(culprit) + 3
		}
	}
	return size
}

func ruleSizeOf(r control.RuleState) int { return ruleSize + textSize(r.Rule) + textSize(r.Reason) }

// textSize is the most that a text takes when it is encoded, without quotes.
func textSize(s string) int {
	size := 0
	for _, r := range s {
		size += runeSize(r)
	}
	return size
}

func runeSize(r rune) int {
	switch {
	case r < ' ':
		return len(`\u0000`)
	case r == '"' || r == '\\':
		return 2
	default:
		return utf8.RuneLen(r)
	}
}

func boundedOrNil(s *control.State) *control.State {
	if s == nil {
		return nil
	}
	b := Bounded(*s)
	return &b
}

// clip cuts a text to what takes at most limit bytes when it is encoded, at a
// character.
func clip(s string, limit int) string {
	if textSize(s) <= limit {
		return s
	}
	const ellipsis = "…"
	limit -= len(ellipsis)
	for i, r := range s {
		if limit -= runeSize(r); limit < 0 {
			return s[:i] + ellipsis
		}
	}
	return s
}

// seal returns the entry's canonical form. An entry that would be too large
// loses what people can do without: one entry must never keep the ledger from
// all that come after it.
func (e *Entry) seal() ([]byte, error) {
	e.Message = clip(e.Message, maxText)
	if data, err := e.Encode(); err == nil {
		return data, nil
	}
	e.shed()
	return e.Encode()
}

// shed leaves out of an entry what is not needed to understand it.
func (e *Entry) shed() {
	e.Message, e.Versions = clip(e.Message, maxText/4), nil
	if e.Change != nil {
		c := *e.Change
		c.MorePaths, c.Paths = c.MorePaths+len(c.Paths), nil
		c.Invalid, c.Manager, c.ChangeRef = clip(c.Invalid, maxText), clip(c.Manager, maxText), clip(c.ChangeRef, maxText)
		e.Change = &c
	}
	if e.Ledger != nil && e.Ledger.Predecessor != nil {
		l, p := *e.Ledger, *e.Ledger.Predecessor
		p.Lost = clip(p.Lost, maxText)
		l.Predecessor, e.Ledger = &p, &l
	}
	if e.SelfTest != nil {
		s := *e.SelfTest
		s.MoreFailed, s.Failed = s.MoreFailed+len(s.Failed), nil
		e.SelfTest = &s
	}
	if e.Probe != nil {
		p := *e.Probe
		kept := min(len(p.For), maxShedFor)
		p.For, p.MoreFor = p.For[:kept], p.MoreFor+len(p.For)-kept
		p.Keys = p.Keys[:min(len(p.Keys), maxShedKeys)]
		e.Probe = &p
	}
	if e.Object != nil {
		o := *e.Object
		o.Manager, o.Taken = clip(o.Manager, maxText), o.Taken[:min(len(o.Taken), 1)]
		e.Object = &o
	}
}
