package report

import (
	"encoding/json"
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// keepCensus keeps the first and the last census of each control in the period;
// for an instant, the last one before it.
func (f *fold) keepCensus(m *ledger.Manifest, l *line, body *ledger.CollectionBody) {
	if f.query.AsOf == nil && !f.window.holds(micros(body.Slot.Time)) {
		return
	}
	for _, mp := range m.Policies {
		for _, mc := range mp.Controls {
			c := f.controlOf(f.policyOf(mp.Name), mc.ID)
			c.atEnd = &CensusAt{Slot: body.Slot, Seq: l.seq, Census: mc.Census, Kinds: mc.Kinds, Manifest: body.Manifest, Population: mc.Population, Lists: emptied(m.Lists)}
			if c.atStart == nil || f.query.AsOf != nil {
				c.atStart = c.atEnd
			}
		}
	}
}

// seed takes what is known from a manifest, where the entries that made it were
// pruned. What entries since have stated is newer, and stays.
func (f *fold) seed(m *ledger.Manifest, l *line) error {
	f.seeded = true
	if f.prunedFrom >= 0 {
		f.gaps[f.prunedFrom].to = max(f.gaps[f.prunedFrom].from, l.at)
		f.prunedFrom = -1
	}
	for _, mp := range m.Policies {
		if err := f.seedPolicy(&mp); err != nil {
			return err
		}
	}
	for _, ref := range m.Chunks {
		data, err := f.src.Object(f.ledgerID, ref.Digest)
		if err != nil {
			return err
		}
		var chunk ledger.ManifestChunk
		if err := json.Unmarshal(data, &chunk); err != nil {
			return fmt.Errorf("chunk %s: %w", ref.Digest, err)
		}
		for i := range chunk.Scopes {
			f.seedScope(&chunk.Scopes[i], l)
		}
	}
	return nil
}

func (f *fold) seedPolicy(mp *ledger.ManifestPolicy) error {
	p := f.policyOf(mp.Name)
	if len(p.specs) == 0 {
		ref := &ledger.PolicyRef{Name: mp.Name, UID: mp.UID, Generation: mp.Generation}
		if err := f.adopt(p, ref, mp.Spec, "", micros(mp.Since.Time)); err != nil {
			return err
		}
		p.generation = mp.Generation
	}
	for _, mc := range mp.Controls {
		c := f.controlOf(p, mc.ID)
		if c.introduced == never && mc.IntroducedAt != nil && mc.OperatingFrom != nil {
			c.introduced, c.operating, c.ledger = micros(mc.IntroducedAt.Time), micros(mc.OperatingFrom.Time), f.ledger
		}
		if d := c.current(); d != nil && !d.learned {
			d.digest, d.learned, d.evaluator = mc.Definition, true, mc.EvaluatorVersion
		}
	}
	return nil
}

func (f *fold) seedScope(s *ledger.ManifestScope, l *line) {
	subject := f.in.same(s.Subject)
	for _, st := range s.Standings {
		if st.Disposition != "InScope" {
			continue
		}
		p := f.policyOf(st.Policy)
		if p.own(subject).open() != nil {
			continue
		}
		from := l.at
		if st.Since != nil {
			from = micros(st.Since.Time)
		}
		m := f.enter(p, subject, stay{span: span{from, forever}, added: st.New, created: never})
		m.moved = 0
	}
	for i := range s.Units {
		f.seedUnit(subject, &s.Units[i], l)
	}
}

func (f *fold) seedUnit(scope *control.Subject, mu *ledger.ManifestUnit, l *line) {
	subject := scope
	if mu.Subject != nil {
		subject = f.in.same(*mu.Subject)
	}
	c := f.controlOf(f.policyOf(mu.Policy), mu.Control)
	u := f.unitOf(c, subject)
	if u.state != nil || mu.Entry == "" {
		return
	}
	at := l.at
	if mu.Since != nil {
		at = min(at, micros(mu.Since.Time))
	}
	if c.judgesOwn() && c.member(subject).open() == nil {
		from := at
		if mu.EnteredAt != nil {
			from = micros(mu.EnteredAt.Time)
		}
		f.judge(c, subject, stay{span: span{from, forever}, added: mu.New, created: never}).moved = 0
	}
	state := ledger.Bounded(mu.State)
	f.seedOutcome(u, &state, at, mu.Episode, mu.Origin, "", l)
}
