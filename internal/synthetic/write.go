package synthetic

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// simulation is a past that is being made.
type simulation struct {
	cluster
	opts    Options
	ctx     context.Context //nolint:containedctx // one call of Write is one simulation
	dir     string
	agenda  agenda
	now     time.Time
	end     time.Time
	named   int
	graves  []*namespace // deleted, and not recorded as such yet
	written uint64       // entries of ledgers before the current one
	drifts  driftCost

	// ingresses decide about Ingresses, of which served is how many ever were.
	ingresses dice
	served    int

	policies []*policy
	judge    *judge
	op       operator
	schedule schedule
	census   census
	witness  *witness
	history  *History
	keys     []ed25519.PrivateKey
}

// Write generates a past in an empty directory: a volume of ledgers. The same
// options give the same entries.
func Write(ctx context.Context, dir string, opts Options) (*History, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	dice := newDice(opts.Seed, "cluster")
	s := &simulation{
		cluster: cluster{dice: dice, version: 100_000}, opts: opts, ctx: ctx, dir: dir,
		now: opts.Start, end: opts.Start.Add(opts.Duration),
		history: &History{Units: map[ledger.Unit][]Interval{}, Slots: map[string]int{}, Start: opts.Start, End: opts.Start.Add(opts.Duration)},
	}
	s.op = operator{dice: newDice(opts.Seed, "operator"), version: 1, epoch: 1}
	keys := newDice(opts.Seed, "keys")
	s.keys = []ed25519.PrivateKey{keys.key(), keys.key()}
	if opts.Anchored {
		s.witness = newWitness(keys.key())
		s.history.WitnessKey = s.witness.verifierKey()
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	err := s.run()
	if s.op.w != nil {
		err = errors.Join(err, s.keep(), s.op.w.Close(ctx))
	}
	return s.history, err
}

// prepare makes the cluster, and puts down what is to happen.
func (s *simulation) prepare() error {
	var err error
	if s.judge, err = newJudge(applying(), s.opts.Start); err != nil {
		return err
	}
	s.census.chunks = map[string]*chunk{}
	s.build()
	s.plan()
	return nil
}

// run makes everything happen, in order.
func (s *simulation) run() error {
	for {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		e, ok := s.agenda.next(s.end)
		if !ok {
			return s.finish()
		}
		s.now = e.at
		if err := e.do(); err != nil {
			return err
		}
	}
}

// finish states that observation went on to the end.
func (s *simulation) finish() error {
	s.now = s.end
	if !s.op.up {
		s.blind(s.op.proof, s.end)
	}
	return s.beat(s.end.Add(time.Second))
}

// write records what was observed or done.
func (s *simulation) write(drafts ...ledger.Draft) error {
	_, err := s.op.w.Write(drafts...)
	return err
}

// blind notes that nothing was observed for a while.
func (s *simulation) blind(from, to time.Time) {
	s.history.Blind = append(s.history.Blind, Interval{from, to})
}

// keep notes what an auditor would have kept of the ledger that ends here.
func (s *simulation) keep() error {
	checkpoint, entries, err := s.op.w.Checkpoint()
	if err != nil {
		return err
	}
	s.history.Held = append(s.history.Held, checkpoint)
	s.history.VerifierKeys = append(s.history.VerifierKeys, s.op.w.VerifierKey())
	s.history.Entries = s.written + entries
	return nil
}

// notice compares every unit with what is noted of it.
func (s *simulation) notice(at time.Time) error {
	deviates := map[ledger.Unit]bool{}
	for _, n := range s.namespaces {
		if err := s.judged(n, deviates); err != nil {
			return err
		}
	}
	for u := range s.history.Units {
		if !deviates[u] {
			s.history.end(u, at)
		}
	}
	for u, is := range deviates {
		if is {
			s.history.begin(u, at)
		}
	}
	return nil
}

// noticeOne compares the units of one namespace with what is noted of them.
func (s *simulation) noticeOne(n *namespace, at time.Time) error {
	units := map[ledger.Unit]bool{}
	if err := s.judged(n, units); err != nil {
		return err
	}
	for u, deviates := range units {
		if deviates {
			s.history.begin(u, at)
		} else {
			s.history.end(u, at)
		}
	}
	return nil
}

// judged notes of each unit of a namespace whether it deviates in truth.
func (s *simulation) judged(n *namespace, units map[ledger.Unit]bool) error {
	for _, p := range s.policies {
		verdicts, err := s.judge.judge(p.def, n, false)
		if err != nil {
			return err
		}
		for _, v := range verdicts {
			u := ledger.Unit{Policy: p.def.Name, Control: v.control.Spec.ID, Subject: v.subjectIn(n)}
			units[u] = !n.gone && inScope(p.def, n) && deviating(v.state)
		}
	}
	return nil
}
