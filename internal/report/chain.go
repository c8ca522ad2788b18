package report

import (
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// begin goes on with the next ledger of the chain.
func (f *fold) begin(info ledger.LedgerInfo) {
	f.ledger++
	f.ledgerID = info.LedgerID
	link := LedgerLink{LedgerID: info.LedgerID, Reason: string(info.Reason), Cluster: info.Cluster, VerifierKey: info.VerifierKey}
	if info.Predecessor != nil {
		link.Predecessor, link.Lost = info.Predecessor.LedgerID, info.Predecessor.Lost
	}
	f.links, f.written, f.segments = append(f.links, link), append(f.written, written{}), map[uint64]uint64{}
	if f.ledger == 0 && info.Reason != ledger.OpenFirstInstall && info.Reason != "" {
		f.banners = append(f.banners, fmt.Sprintf("The chain of ledgers is broken: ledger %s continues ledger %s, which is not here.", info.LedgerID, link.Predecessor))
	}
}

// startLedger is called with the first entry of a ledger that is there.
func (f *fold) startLedger(l *line) error {
	if f.ledger > 0 {
		f.breakLedger(l)
	}
	if l.seq == 0 {
		return nil
	}
	f.links[f.ledger].Pruned = l.seq
	g := gap{span: span{min(f.window.from, l.at), l.at}, cause: causePruned, seq: l.seq,
		message: "entries were removed as retention allows; what they said is known only as it was at the end"}
	known, err := f.seedKnown(l)
	if !known {
		f.seeded, f.prunedFrom, g.to = false, len(f.gaps), forever
		g.message = "entries were removed as retention allows; what is known begins with a collection"
	}
	f.gaps = append(f.gaps, g)
	return err
}

// ledgerOpened takes the name and the key of a ledger from its first entry.
func (f *fold) ledgerOpened(l *line) error {
	body, err := decoded[ledger.LedgerBody](l, "ledger")
	if err != nil {
		return err
	}
	f.segments[body.Segment] = l.seq
	if body.Reason == ledger.OpenRolled {
		return nil
	}
	link := &f.links[f.ledger]
	link.Reason, link.Cluster, link.VerifierKey = string(body.Reason), body.Cluster, body.VerifierKey
	if body.Predecessor != nil {
		link.Predecessor, link.Lost = body.Predecessor.LedgerID, body.Predecessor.Lost
	}
	return nil
}

// breakLedger ends what the ledger before knew: the next one states everything
// anew. The break is a gap, from the last proof of observation to the next.
func (f *fold) breakLedger(l *line) {
	f.openGaps = map[string]int{}
	f.endBreak(l.at)
	for i := range f.gaps {
		if f.gaps[i].to == forever {
			f.gaps[i].to = max(f.gaps[i].from, l.at)
		}
	}
	from := f.proven
	if from == never {
		from = l.at
	}
	f.gaps = append(f.gaps, gap{span: span{from, forever}, cause: causeLedgerBreak, seq: l.seq,
		message: fmt.Sprintf("ledger %s succeeds ledger %s: %s", f.ledgerID, f.links[f.ledger-1].LedgerID, f.links[f.ledger].Reason)})
	f.breakGap = len(f.gaps) - 1
	if l.at >= f.window.to {
		return
	}
	for _, name := range sortedKeys(f.policies) {
		f.policies[name].breakLedger(f, l)
	}
	f.sightings = map[string]sighting{}
	f.recent = nil
}

func (p *policy) breakLedger(f *fold, l *line) {
	p.namespaces.loseSight(l.at)
	p.others.loseSight(l.at)
	for _, id := range sortedKeys(p.controls) {
		c := p.controls[id]
		c.members.loseSight(l.at)
		for _, s := range f.sortedUnits(c) {
			u := c.units[s]
			if u.state == nil {
				continue
			}
			last := f.proofOf(u, l)
			if e := u.open; e != nil {
				e.ending, e.closed, e.during, e.last = endingLedgerBreak, mark{l.at, 0, runNone}, last, l.seq
				f.broken = append(f.broken, e)
				u.open = nil
			}
			f.setOutcome(u, l.at, none)
			u.state, u.seen, u.last = nil, proof{}, last
			f.notePlan(u, l.at)
		}
	}
}

// resumed ends the gap of a break with the first proof of observation.
func (f *fold) resumed(l *line) {
	if f.breakGap >= 0 {
		f.endBreak(l.at)
	}
}

func (f *fold) endBreak(at int64) {
	if f.breakGap < 0 {
		return
	}
	g := &f.gaps[f.breakGap]
	g.to = max(g.from, at)
	for _, e := range f.broken {
		e.closed.at = max(e.opened.at, at)
		if e.closed.at > f.window.from {
			e.unit.control.episodes = append(e.unit.control.episodes, e)
		}
	}
	f.breakGap, f.broken = -1, nil
}

// finish ends what no ledger since a break has said to be there.
func (p *policy) finish(end int64) {
	if p.held != never {
		p.heldSpans = append(p.heldSpans, Because{Interval: span{p.held, end}.interval(), Reason: "RolloutHeld", Message: p.heldReason})
		p.held = never
	}
	p.endStale()
	for _, c := range p.controls {
		c.members.endStale()
	}
}
