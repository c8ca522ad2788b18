package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// timeLayout shows milliseconds; -o json has the microseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// shortID is how many digits of an id a person is shown.
const shortID = 8

// line is an entry in one line, with columns separated by tabs. lasted is the
// length of the episode that it ends.
func line(e *ledger.Entry, lasted time.Duration) string {
	columns := []string{
		e.ObservedAt.UTC().Format(timeLayout), string(e.Kind), dash(whose(e)), dash(subject(e)), dash(statement(e, lasted)),
	}
	for i := range columns {
		columns[i] = printable(columns[i])
	}
	return strings.Join(columns, "\t")
}

// printable replaces what would move the cursor or colour the terminal: names
// and messages in a ledger are those that people and their clients chose.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// whose is the policy and the control.
func whose(e *ledger.Entry) string {
	switch {
	case e.Policy == nil:
		return e.Control
	case e.Control == "":
		return e.Policy.Name
	default:
		return e.Policy.Name + "/" + e.Control
	}
}

func subject(e *ledger.Entry) string {
	if e.Subject == nil {
		return ""
	}
	return e.Subject.String()
}

// statement is what the entry states.
func statement(e *ledger.Entry, lasted time.Duration) string {
	if e.Schema != ledger.Schema {
		return "schema " + e.Schema + ", which this version does not know"
	}
	var parts []string
	switch e.Kind {
	case ledger.KindOutcomeChanged:
		parts = stateParts(e, lasted)
	case ledger.KindLedgerOpened:
		parts = ledgerParts(e.Ledger)
	case ledger.KindOperatorStarted:
		parts = []string{"version " + e.Operator.Version, "process " + short(e.Operator.Process)}
	case ledger.KindHeartbeat:
		parts = []string{"queue " + nanos(e.Alive.QueueAge)}
	case ledger.KindPolicyChanged:
		parts = changeParts(e)
	case ledger.KindControlIntroduced:
		parts = introParts(e.Intro)
	case ledger.KindGap:
		parts = gapParts(e.Gap)
	case ledger.KindEvidenceLost:
		parts = []string{count(uint64(e.Lost.Count), "entry") + " not kept", interval(e.Lost.From, &e.Lost.To)}
	case ledger.KindProbed:
		parts = probeParts(e.Probe)
	case ledger.KindOccurrence:
		parts = occurrenceParts(e)
	case ledger.KindRecoveredTail:
		parts = []string{count(e.Tail.Count, "entry") + " beyond the last checkpoint"}
	default:
		parts = actParts(e)
	}
	if e.Episode != "" {
		parts = append(parts, "episode "+short(e.Episode))
	}
	return strings.Join(nonEmpty(parts), ", ")
}

// stateParts say what a state was, is, and why.
func stateParts(e *ledger.Entry, lasted time.Duration) []string {
	from := "new"
	if e.From != nil {
		from = string(e.From.Outcome)
	}
	parts := []string{from + " → " + string(e.To.Outcome) + resting(e.To.Basis)}
	if e.Ending != "" {
		ending := string(e.Ending)
		if lasted > 0 {
			ending += " after " + rounded(lasted)
		}
		return append(parts, ending)
	}
	parts = append(parts, string(e.Origin))
	for _, rule := range e.To.Rules {
		parts = append(parts, ruleText(rule))
	}
	return parts
}

// resting says what a state rests on, where that is not declared configuration.
func resting(on control.Basis) string {
	if on == "" || on == control.BasisConfiguration {
		return ""
	}
	return " (" + string(on) + ")"
}

// probeParts say what was probed, and which keys were found in use.
func probeParts(b *ledger.ProbeBody) []string {
	parts := []string{fmt.Sprintf("%s: %d probed", b.Of, b.Targets), fmt.Sprintf("%d unseen", b.Unseen)}
	for _, key := range b.Keys {
		parts = append(parts, "key "+key.ID)
	}
	return parts
}

// occurrenceParts say of which slots, and what became of them.
func occurrenceParts(e *ledger.Entry) []string {
	b := e.Occurrence
	what := b.State + ", slot " + b.First.UTC().Format(timeLayout)
	switch {
	case b.Extra:
		what = b.State + ", extra run begun " + b.First.UTC().Format(timeLayout)
	case b.Count > 1:
		what = fmt.Sprintf("%s, %s from %s to %s", b.State, count(uint64(b.Count), "slot"), b.First.UTC().Format(timeLayout), b.Last.UTC().Format(timeLayout))
	}
	parts := []string{b.Of + " " + what}
	if b.Run != nil {
		parts = append(parts, b.Run.Name+" "+b.Run.Phase)
	}
	return append(parts, e.Reason, e.Message)
}

func ruleText(r control.RuleState) string {
	text := strings.TrimSpace(r.Rule + " " + r.Reason)
	if len(r.Culprits) > 0 {
		text += " (" + strings.Join(r.Culprits, ", ") + ")"
	}
	return text
}

func ledgerParts(b *ledger.LedgerBody) []string {
	parts := []string{string(b.Reason), "ledger " + b.LedgerID, fmt.Sprintf("segment %d", b.Segment)}
	if b.Predecessor != nil {
		parts = append(parts, "continues "+b.Predecessor.LedgerID, b.Predecessor.Lost)
	}
	return parts
}

func changeParts(e *ledger.Entry) []string {
	c := e.Change
	parts := []string{c.Type, fmt.Sprintf("generation %d", e.Policy.Generation)}
	if len(c.Paths) > 0 {
		paths := strings.Join(c.Paths, " ")
		if c.MorePaths > 0 {
			paths += fmt.Sprintf(" and %d more", c.MorePaths)
		}
		parts = append(parts, paths)
	}
	if c.Held > 0 {
		parts = append(parts, fmt.Sprintf("held, for it adds %s", count(uint64(c.Held), "namespace")))
	}
	return append(parts, prefixed("by ", c.Manager), c.ChangeRef, prefixed("invalid: ", c.Invalid))
}

func introParts(b *ledger.IntroBody) []string {
	how := "operates from "
	if b.Declared {
		how = "operates, as declared, from "
	}
	return []string{how + b.OperatingFrom.UTC().Format(timeLayout), count(uint64(b.Subjects), "subject")}
}

func gapParts(b *ledger.GapBody) []string {
	what := b.Cause
	if b.Ends != "" {
		what = "end of " + b.Cause
	}
	return []string{what, prefixed("kind ", b.Kind), prefixed("policy ", b.Policy), interval(b.From, b.To)}
}

// actParts say what was done to which object, or what else an entry has.
func actParts(e *ledger.Entry) []string {
	var parts []string
	if e.Scope != nil {
		parts = append(parts, e.Scope.Cause, e.Scope.Disposition)
	}
	if o := e.Object; o != nil {
		parts = append(parts, objectText(e.Kind, o))
		for _, f := range o.Taken {
			parts = append(parts, "took over "+f.Field+wasText(f.Was))
		}
		if o.Manager != "" {
			parts = append(parts, "changed by "+o.Manager)
		}
		if o.Count > 0 {
			parts = append(parts, fmt.Sprintf("%d repairs within an hour", o.Count))
		}
		if o.Until != nil {
			parts = append(parts, "next try at "+o.Until.UTC().Format(timeLayout))
		}
	}
	return append(parts, e.Reason, e.Message)
}

// objectText says which object, and how its version changed. Generations are
// what people tell versions apart by.
func objectText(kind ledger.Kind, o *ledger.ObjectBody) string {
	text := o.Kind + " " + o.Name
	done := kind == ledger.KindRepaired || kind == ledger.KindRolledBack
	switch {
	case done && o.After == nil:
		return text + " removed"
	case o.Before != nil && o.After != nil && o.After.Generation == 0: // a kind without a spec
		return text + " changed"
	case o.Before != nil && o.After != nil:
		return fmt.Sprintf("%s from generation %d to %d", text, o.Before.Generation, o.After.Generation)
	case o.After != nil:
		return text + " created"
	case o.Before != nil:
		return fmt.Sprintf("%s at generation %d", text, o.Before.Generation)
	default:
		return text
	}
}

// wasText says what a field was that was taken over.
func wasText(was string) string {
	if was == "" {
		return ", which was not set"
	}
	return ", which was " + was
}

func interval(from ledger.Time, to *ledger.Time) string {
	if to == nil {
		return "since " + from.UTC().Format(timeLayout)
	}
	return fmt.Sprintf("%s to %s (%s)", from.UTC().Format(timeLayout), to.UTC().Format(timeLayout), rounded(to.Sub(from.Time)))
}

func nanos(n int64) string { return rounded(time.Duration(n)) }

// rounded is a duration with about three digits.
func rounded(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(10 * time.Microsecond).String()
	}
}

func short(id string) string { return id[:min(len(id), shortID)] }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// prefixed is s after a prefix, or nothing.
func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func nonEmpty(parts []string) []string {
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return kept
}
