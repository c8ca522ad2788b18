package report

import (
	"cmp"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// The causes of gaps that no Gap entry states.
const (
	causeLedgerBreak  = "LedgerBreak"
	causePruned       = "Pruned"
	causeEvidenceLost = "EvidenceLost"
)

// gap is an interval in which observation was due and absent.
type gap struct {
	span
	cause, kind, policy, message string
	seq                          uint64
}

// gapChanged notes that a gap began, ended, or both.
func (f *fold) gapChanged(l *line) error {
	body, err := decoded[ledger.GapBody](l, "gap")
	if err != nil {
		return err
	}
	g := gap{span: span{micros(body.From.Time), forever}, cause: body.Cause, kind: body.Kind, policy: body.Policy,
		message: l.text("message"), seq: l.seq}
	if body.To != nil {
		g.to = micros(body.To.Time)
	}
	if began, ok := f.openGaps[body.Ends]; ok && body.Ends != "" {
		delete(f.openGaps, body.Ends)
		f.gaps[began].to = g.to
		return nil
	}
	f.gaps = append(f.gaps, g)
	if body.To == nil {
		f.openGaps[l.text("id")] = len(f.gaps) - 1
	}
	return nil
}

// evidenceLost notes that entries could only be counted: what they would have
// said is not known, so that nothing is of that time.
func (f *fold) evidenceLost(l *line) error {
	body, err := decoded[ledger.LostBody](l, "lost")
	if err != nil {
		return err
	}
	s := span{micros(body.From.Time), micros(body.To.Time)}
	f.losses = append(f.losses, Loss{Interval: s.interval(), Count: body.Count, Units: body.Units})
	f.gaps = append(f.gaps, gap{span: s, cause: causeEvidenceLost, message: "entries could not be kept, and were only counted", seq: l.seq})
	return nil
}

// concerns reports whether the gap concerns a control. Kinds that this version
// does not know concern every control.
func (g *gap) concerns(c *statedControl) bool {
	switch {
	case g.policy != "":
		return g.policy == c.policy.name
	case g.kind == "" || c.everything:
		return true
	}
	needs := control.NeedsOf(g.kind)
	return needs == nil || slices.ContainsFunc(needs, func(need control.Need) bool { return slices.Contains(c.needs, need) })
}

// gapsOf are the gaps that concern a control, up to the end of the record.
func (f *fold) gapsOf(c *statedControl) spans {
	var of []span
	for i := range f.gaps {
		if g := &f.gaps[i]; g.concerns(c) {
			of = append(of, g.clip(span{never, f.end}))
		}
	}
	return union(of)
}

// listGaps are the gaps of the period.
func (f *fold) listGaps() []Gap {
	of := []Gap{}
	for i := range f.gaps {
		g := &f.gaps[i]
		in := g.clip(f.period())
		if in.empty() && !(f.query.AsOf != nil && g.from <= f.window.from && g.to > f.window.from) {
			continue
		}
		of = append(of, Gap{Interval: in.interval(), Open: g.to > f.end, Cause: g.cause, Kind: g.kind, Policy: g.policy,
			Message: g.message, Seq: g.seq})
	}
	slices.SortFunc(of, func(a, b Gap) int {
		return cmp.Or(a.From.Compare(b.From.Time), a.To.Compare(b.To.Time), cmp.Compare(a.Cause, b.Cause),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Seq, b.Seq))
	})
	return of
}
