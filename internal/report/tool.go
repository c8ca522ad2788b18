package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/access"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// run is one process of the operator.
type run struct {
	Run
	to int64 // when the next one began
}

func (f *fold) operatorStarted(l *line) error {
	body, err := decoded[ledger.OperatorBody](l, "operator")
	if err != nil {
		return err
	}
	r := run{Run: Run{Seq: l.seq, LedgerID: f.ledgerID, From: timeOf(l.at), OperatorBody: body, Changed: []string{}}, to: forever}
	if n := len(f.runs); n > 0 {
		last := &f.runs[n-1]
		last.to = min(last.to, l.at)
		r.Changed = changed(last.OperatorBody, body)
	}
	f.runs = append(f.runs, r)
	f.run = len(f.runs) - 1
	return nil
}

// changed names what differs between two processes.
func changed(a, b ledger.OperatorBody) []string {
	of := []string{}
	for _, c := range []struct {
		name    string
		differs bool
	}{
		{"version", a.Version != b.Version || a.Revision != b.Revision}, {"image", a.Image != b.Image},
		{"arguments", a.Arguments != b.Arguments}, {"permissions", a.Permissions != b.Permissions},
	} {
		if c.differs {
			of = append(of, c.name)
		}
	}
	return of
}

func (f *fold) operatorStopped(l *line) error {
	if n := len(f.runs); n > 0 {
		f.runs[n-1].Stopped = new(timeOf(l.at))
	}
	return nil
}

// heartbeat notes up to when everything that was observed had been evaluated.
func (f *fold) heartbeat(l *line) error {
	var age int64
	var offset *int64
	err := members(l.parts["alive"], func(key, value []byte) error {
		ok := true
		switch string(key) {
		case "queueAge":
			age, ok = number[int64](value)
		case "clockOffset":
			var o int64
			o, ok = signed(value)
			offset = &o
		}
		if !ok {
			return fmt.Errorf("its %s is %s", key, value)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("what was alive: %w", err)
	}
	f.beats = append(f.beats, l.at-age/microsecond)
	if offset != nil {
		f.offsets[f.run] = *offset
	}
	if !f.window.holds(l.at) {
		return nil
	}
	f.tool.Heartbeats++
	if o := offset; o != nil {
		if f.tool.ClockOffsets == nil {
			f.tool.ClockOffsets = &OffsetRange{Min: *o, Max: *o}
		}
		r := f.tool.ClockOffsets
		r.Min, r.Max = min(r.Min, *o), max(r.Max, *o)
	}
	return nil
}

func (f *fold) unobservedChange(l *line) error {
	s, err := f.in.subject(l)
	if err != nil {
		return err
	}
	o, err := decoded[ledger.ObjectBody](l, "object")
	if err != nil {
		return err
	}
	f.sighted(s, l.at)
	if f.window.holds(l.at) {
		f.tool.Unobserved = append(f.tool.Unobserved, Unobserved{At: timeOf(l.at), Subject: s.String(), Seq: l.seq,
			Object: fmt.Sprintf("%s %s %s/%s", o.APIVersion, o.Kind, o.Namespace, o.Name), Skipped: skipped(o.Before, o.After)})
	}
	return nil
}

// skipped says what was not seen between two versions of an object.
func skipped(before, after *ledger.ObjectVersion) string {
	switch {
	case before == nil && after == nil:
		return "it came to be and ceased to be"
	case before == nil:
		return fmt.Sprintf("it is at generation %d, and was not seen before", after.Generation)
	case after == nil:
		return fmt.Sprintf("it was last seen at generation %d", before.Generation)
	case before.UID != after.UID:
		return "it was deleted and created anew"
	default:
		return fmt.Sprintf("generations %d to %d", before.Generation+1, after.Generation-1)
	}
}

func (f *fold) accessObserved(l *line) error {
	body, err := decoded[ledger.AccessBody](l, "access")
	if err != nil {
		return err
	}
	a := Access{At: timeOf(l.at), Seq: l.seq, Digest: body.Access, Holders: []Holder{}, Combined: []string{}}
	data, err := f.src.Object(f.ledgerID, body.Access)
	if err != nil {
		return fmt.Errorf("who had access at %s: %w", a.At, err)
	}
	o, err := access.Decode(data)
	if err != nil {
		return fmt.Errorf("object %s: %w", body.Access, err)
	}
	a.Unavailable = o.Unavailable
	for _, c := range o.Capabilities {
		a.Holders = append(a.Holders, Holder{string(c.Capability), holders(c)})
	}
	for _, c := range o.Combined {
		a.Combined = append(a.Combined, fmt.Sprintf("%s: %s", holderName(c.Holder), joined(c.Areas)))
	}
	if o.CombinedPeople > 0 {
		a.Combined = append(a.Combined, people(o.CombinedPeople))
	}
	if l.at <= f.window.from {
		f.access = f.access[:0]
	}
	f.access = append(f.access, a)
	return nil
}

// holders names who has a capability. People are only counted: who they are is
// in an object of its own, which can be erased.
func holders(c access.CapabilityHolders) []string {
	names := make([]string, 0, len(c.Holders)+2)
	for _, h := range c.Holders {
		names = append(names, holderName(h))
	}
	if c.More > 0 {
		names = append(names, fmt.Sprintf("%d more", c.More))
	}
	if c.People > 0 {
		names = append(names, people(c.People))
	}
	return names
}

func holderName(h access.Holder) string {
	if h.Namespace != "" {
		return h.Kind + " " + h.Namespace + "/" + h.Name
	}
	return h.Kind + " " + h.Name
}

func joined(areas []access.Area) string {
	names := make([]string, 0, len(areas))
	for _, a := range areas {
		names = append(names, string(a))
	}
	return strings.Join(names, " and ")
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

func emptied[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (f *fold) selfTested(l *line) error {
	body, err := decoded[ledger.SelfTestBody](l, "selfTest")
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(f.policies) {
		for _, id := range sortedKeys(f.policies[name].controls) {
			if c := f.policies[name].controls[id]; c.typ == body.Type {
				c.evaluatedBy(body.EvaluatorVersion, l.at)
			}
		}
	}
	if !f.window.holds(l.at) {
		return nil
	}
	for i := len(f.tool.SelfTests) - 1; i >= 0; i-- {
		if t := &f.tool.SelfTests[i]; t.Type == body.Type {
			if t.EvaluatorVersion == body.EvaluatorVersion && t.Digest == body.Digest && slices.Equal(t.Failed, body.Failed) {
				t.Repeated++
				return nil
			}
			break
		}
	}
	f.tool.SelfTests = append(f.tool.SelfTests, SelfTest{At: timeOf(l.at), SelfTestBody: body, Seq: l.seq})
	return nil
}

func (f *fold) pruned(l *line) error {
	body, err := decoded[ledger.PrunedBody](l, "pruned")
	if err == nil && f.window.holds(l.at) {
		f.tool.Pruned = append(f.tool.Pruned, body)
	}
	return err
}

func (f *fold) objectErased(l *line) error {
	if f.window.holds(l.at) {
		f.tool.Erased++
	}
	return nil
}

// accessLimits are what the observation of access cannot show.
func accessLimits() []string {
	return append([]string{
		"Access is read from Roles, ClusterRoles and their bindings at each collection; what was granted and taken back between two collections is not seen.",
	}, access.Limits()...)
}

func (f *fold) listTool() Tool {
	t := f.tool
	t.Runs = []Run{}
	for _, r := range f.runs {
		if r.to > f.window.from {
			t.Runs = append(t.Runs, r.Run)
		}
	}
	t.Permissions = []Because{}
	for i := range f.gaps {
		if g := &f.gaps[i]; g.cause == ledger.CauseForbidden {
			if in := g.clip(f.period()); !in.empty() {
				t.Permissions = append(t.Permissions, Because{Interval: in.interval(), Reason: g.cause, Subject: g.kind,
					Message: fmt.Sprintf("the permission to list and watch %s was missing", g.kind)})
			}
		}
	}
	slices.SortFunc(t.Permissions, compareBecause)
	t.Access, t.AccessLimits = emptied(f.access), accessLimits()
	t.SelfTests, t.Unobserved, t.Pruned = emptied(t.SelfTests), emptied(t.Unobserved), emptied(t.Pruned)
	return t
}
