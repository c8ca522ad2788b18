package sampling

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/census"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// evidence is what the ledger has on one drawn unit.
type evidence struct {
	unit
	entries []stated
	// before is the newest state entry before a unit's day.
	before *stated
}

// stated is one entry.
type stated struct {
	ledgerID string
	entry    *ledger.Entry
	data     []byte
}

// gathering finds the entries on drawn units, in one pass over the ledgers.
type gathering struct {
	all []*evidence
	// bySeq, byID, byEpisode and bySubject say whom an entry may concern.
	bySeq     map[position][]*evidence
	byID      map[string][]*evidence
	byEpisode map[string][]*evidence
	bySubject map[string][]*evidence
}

type position struct {
	ledgerID string
	seq      uint64
}

// gather returns the evidence on the drawn units, in their order. Of each ledger
// it looks at so many entries as limit says.
func gather(ctx context.Context, src report.Source, p *Population, drawn []Drawn, limit map[string]uint64) ([]*evidence, error) {
	g := &gathering{bySeq: map[position][]*evidence{}, byID: map[string][]*evidence{}, byEpisode: map[string][]*evidence{}, bySubject: map[string][]*evidence{}}
	for _, d := range drawn {
		g.want(p.unit(d.Unit))
	}
	for _, info := range src.Chain() {
		err := src.Read(ctx, ledger.ReadOptions{LedgerID: info.LedgerID}, func(seq uint64, data []byte) error {
			if seq >= limit[info.LedgerID] {
				return nil
			}
			return g.entry(info.LedgerID, seq, data)
		})
		if err != nil {
			return nil, err
		}
	}
	for _, e := range g.all {
		if e.before != nil {
			e.entries = append([]stated{*e.before}, e.entries...)
		}
	}
	return g.all, nil
}

func (g *gathering) want(u unit) {
	e := &evidence{unit: u}
	g.all = append(g.all, e)
	for _, seq := range u.seqs {
		g.bySeq[position{u.ledgerID, seq}] = append(g.bySeq[position{u.ledgerID, seq}], e)
	}
	if u.entry != "" {
		g.byID[u.entry] = append(g.byID[u.entry], e)
	}
	if u.episode != "" {
		g.byEpisode[u.episode] = append(g.byEpisode[u.episode], e)
	}
	if u.subject != nil {
		g.bySubject[u.subject.UID] = append(g.bySubject[u.subject.UID], e)
	}
}

// entry takes an entry for the units that it concerns. Most concern none, which
// shows without decoding them: entries are canonical JSON.
func (g *gathering) entry(ledgerID string, seq uint64, data []byte) error {
	candidates := slices.Concat(
		g.bySeq[position{ledgerID, seq}], g.byID[text(data, `"id":"`)],
		g.byEpisode[text(data, `"episode":"`)], g.bySubject[subjectOf(data)])
	if len(candidates) == 0 {
		return nil
	}
	e, err := census.Decode(seq, data)
	if err != nil {
		return err
	}
	s := stated{ledgerID, e, bytes.Clone(data)}
	for _, c := range candidates {
		c.take(s)
	}
	return nil
}

// take takes an entry, once, if it concerns the unit.
func (e *evidence) take(s stated) {
	if last := len(e.entries) - 1; last >= 0 && e.entries[last].ledgerID == s.ledgerID && e.entries[last].entry.Seq == s.entry.Seq {
		return
	}
	if e.subject != nil {
		e.takeOfDay(s)
		return
	}
	e.entries = append(e.entries, s)
}

// takeOfDay takes what was observed on the unit's day, and remembers the newest
// state before.
func (e *evidence) takeOfDay(s stated) {
	of := s.entry.Subject != nil && *s.entry.Subject == *e.subject && (s.entry.Control == "" || s.entry.Control == e.control) &&
		(s.entry.Policy == nil || s.entry.Policy.Name == e.policy)
	switch at := s.entry.ObservedAt; {
	case !of || !at.Before(e.day.Add(24*time.Hour)):
	case !at.Before(e.day):
		e.entries = append(e.entries, s)
	case s.entry.Kind == ledger.KindOutcomeChanged:
		e.before = &s
	}
}

// allInputs are the inputs of the unit's row and of its entries, each once.
func (e *evidence) allInputs() []located {
	var all []located
	add := func(ledgerID string, inputs []ledger.Input) {
		for _, in := range inputs {
			all = append(all, located{ledgerID, in})
		}
	}
	add(e.ledgerID, e.inputs)
	for _, s := range e.entries {
		add(s.ledgerID, s.entry.Inputs)
	}
	slices.SortStableFunc(all, func(a, b located) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Digest, b.Digest))
	})
	return slices.CompactFunc(all, func(a, b located) bool { return a.Input == b.Input })
}

// located is an input, and the ledger that has it.
type located struct {
	ledgerID string
	ledger.Input
}

// text is what follows a key up to the next quote: ids hold none.
func text(data []byte, key string) string {
	_, value, found := bytes.Cut(data, []byte(key))
	end := bytes.IndexByte(value, '"')
	if !found || end < 0 {
		return ""
	}
	return string(value[:end])
}

// subjectOf is the UID of an entry's subject.
func subjectOf(data []byte) string {
	_, subject, found := bytes.Cut(data, []byte(`"subject":{`))
	if !found {
		return ""
	}
	return text(subject, `"uid":"`)
}
