package report_test

import (
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// startProof is the last tick at which the unit is known not to have deviated.
func (n *naive) startProof(bc beingCells, t int, st *stating) int {
	before := n.known(bc, t)
	switch {
	case before == nil && st.origin == ledger.OriginBaseline:
		return unknown
	case before == nil:
		return n.since(bc.being, t)
	}
	proof := n.stateProof(bc, t, st)
	if proof == unknown && st.origin != ledger.OriginBaseline {
		return n.since(bc.being, t)
	}
	if st.origin == ledger.OriginDefinitionChanged {
		proof = max(proof, st.defSince)
	}
	return proof
}

// known is what was stated last before t of a unit that is the same one still;
// a ledger that ended in between does not matter, what followed it does.
func (n *naive) known(bc beingCells, t int) *stating {
	before := n.previous(bc, t)
	if before == nil || before.to != "" {
		return before
	}
	for tick := before.tick; tick < t; tick++ {
		if before.ending != "LedgerBreak" || !bc.being.in[tick] || !n.stated[n.id][tick] {
			return nil
		}
	}
	return n.known(bc, before.tick)
}

// previous is what was stated last before t.
func (n *naive) previous(bc beingCells, t int) *stating {
	for t--; t >= 0; t-- {
		if st := bc.cells.stated[t]; st != nil {
			return st
		}
	}
	return nil
}

// since is when the subject came under the control: a scope, with itself.
func (n *naive) since(b *being, t int) int {
	if b.itself() {
		b = b.scope
	}
	in, stated := t, t
	for in > 0 && b.in[in-1] && b.came[in] == "" {
		in--
	}
	for stated > 0 && n.stated[n.id][stated-1] {
		stated--
	}
	if b.came[in] == "added" {
		return in
	}
	return max(in, stated)
}

// stateProof is the last tick at which the state before t is known to have held.
func (n *naive) stateProof(bc beingCells, t int, st *stating) int {
	before, limit := n.known(bc, t), t
	if p := n.previous(bc, t); p.to == "" { // a ledger ended in between
		limit, st = p.tick, nil
	}
	if before.to == control.NotEvaluated { // what was known when it was lost sight of
		return n.lostSight(bc, before, t)
	}
	if st != nil && st.proven >= 0 {
		return max(n.outside(st.proven), before.tick)
	}
	proof := before.tick
	for _, s := range slices.Backward(bc.being.sights) {
		if s.tick < limit {
			if s.ledger == before.ledger && s.tick > proof && !n.inside(s.tick) {
				proof = s.tick
			}
			break
		}
	}
	for tick := limit - 1; tick > proof; tick-- {
		if tick < len(n.beats) && n.beats[tick] && !n.inside(tick) {
			proof = tick
		}
	}
	return n.beforeBlind(proof, limit)
}

// lostSight is the proof of the state before a run of NotEvaluated.
func (n *naive) lostSight(bc beingCells, st *stating, _ int) int {
	before := n.known(bc, st.tick)
	for before != nil && before.to == control.NotEvaluated {
		st, before = before, n.known(bc, before.tick)
	}
	if before == nil {
		return unknown
	}
	return n.stateProof(bc, st.tick, st)
}

// outside is t, or the beginning of the gap that it lies within.
func (n *naive) outside(t int) int {
	if !n.inside(t) {
		return t
	}
	for n.gap(t - 1) {
		t--
	}
	return t
}

// beforeBlind is the beginning of the first gap between the two, or the first.
func (n *naive) beforeBlind(proof, t int) int {
	for g := proof; g < t; g++ {
		if n.gap(g) && !n.gap(g-1) {
			return g
		}
	}
	return proof
}
