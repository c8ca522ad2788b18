package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// warmUps are drifts before anything is measured.
	warmUps = 10
	// sameDrifts is how often the same object is drifted in a row.
	sameDrifts = 10
	// downDrifts are made while the engine is down.
	downDrifts = 50
	// reopenWait is when it is looked whether repaired objects are bad again.
	reopenWait = 5 * time.Second
	// restAfter is how long ago the last drift must be at rest: status and events
	// come late.
	restAfter = 10 * time.Second
)

// driftCount is the number of drifts that the operator was to record, by namespace.
type driftCount map[string]int

// turn is an engine's turn on a cluster: it is started, measured and stopped.
type turn struct {
	*bench
	cluster  *cluster
	measured *measured
	made     driftCount
	round    int
	// next is the namespace, and the kind, of the next drift.
	next     int
	instance *instance
}

// run starts the engine on a cluster where objects deviate, measures it, and
// stops it.
func (t *turn) run(ctx context.Context) (err error) {
	t.next = t.round * 37 // begin with other namespaces each time
	down, err := t.deviateWhileDown(ctx)
	if err != nil {
		return err
	}
	if t.instance, err = t.measured.engine.start(t.cluster); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.end(t.measured, t.instance)) }()
	defer t.countReopened()()
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return t.afterDown(ctx, down) },
		t.warmUp, t.oneAtATime, t.sameInARow, t.manyAtOnce, t.allAtOnce, t.idle,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := t.instance.quiet(ctx); err != nil {
			return err
		}
	}
	t.report()
	return nil
}

// countReopened counts, from now on until what it returns is called, what the
// engine writes back to allow all ingress.
func (t *turn) countReopened() func() {
	before := t.cluster.watcher.reopenings()
	return func() { t.measured.reopened += t.cluster.watcher.reopenings() - before }
}

func (t *turn) report() {
	last := func(samples []sample) sample {
		if len(samples) == 0 {
			return nil
		}
		return samples[len(samples)-1]
	}
	m := t.measured
	t.say("round %d of %d, %s over %d namespaces: one at a time p50 %s, in the newest burst %s, all at once last %s, after being down %s",
		t.round+1, t.options.rounds, m.engine.name, len(t.cluster.namespaces), readable(last(m.single).median()),
		readable(last(m.bursts).median()), readable(last(m.all).last()), readable(last(m.down).last()))
}

// drifts prepares drifts of that many namespaces, one after the other.
func (t *turn) drifts(n int) []*drift {
	drifts := make([]*drift, 0, n)
	for i := range n {
		namespaces := t.cluster.namespaces
		drifts = append(drifts, t.cluster.watcher.expect(namespaces[(t.next+i)%len(namespaces)], false))
	}
	t.note(drifts...)
	return drifts
}

// note counts drifts, if it is the operator that is to record them.
func (t *turn) note(drifts ...*drift) {
	if t.measured.engine.name != holdfastName {
		return
	}
	for _, d := range drifts {
		t.made[d.namespace]++
	}
}

// deviate makes drifts, all at once.
func (t *turn) deviate(ctx context.Context, drifts []*drift) error {
	turns := map[*drift]int{}
	for i, d := range drifts {
		turns[d] = t.next + i + t.round // a namespace gets the other kind in the next round
	}
	t.next += len(drifts)
	for _, turn := range turns {
		if opens(turn) {
			t.measured.opened++
		}
	}
	return atOnce(drifts, len(drifts), func(d *drift) error { return t.cluster.deviate(ctx, d, turns[d]) })
}

// drift makes drifts, all at once, and returns how long each took to be repaired.
func (t *turn) drift(ctx context.Context, n int) (sample, error) {
	drifts := t.drifts(n)
	if err := t.deviate(ctx, drifts); err != nil {
		return nil, err
	}
	if err := t.cluster.watcher.await(ctx, t.instance.process, drifts, repairTimeout); err != nil {
		return nil, err
	}
	var took sample
	for _, d := range drifts {
		took = append(took, d.latency())
	}
	return took, nil
}

// inARow makes drifts one at a time, with a short pause after each.
func (t *turn) inARow(ctx context.Context, n int, moveOn bool) (sample, error) {
	var took sample
	for range n {
		before := t.next
		one, err := t.drift(ctx, 1)
		if err != nil {
			return nil, err
		}
		took = append(took, one...)
		if !moveOn {
			t.next = before
		}
		if err := pause(ctx, 15*time.Millisecond+rand.N(15*time.Millisecond)); err != nil {
			return nil, err
		}
	}
	return took, nil
}

func (t *turn) warmUp(ctx context.Context) error {
	_, err := t.inARow(ctx, warmUps, true)
	return err
}

// oneAtATime measures single drifts, and what they cost, up to when all that
// they caused has been written.
func (t *turn) oneAtATime(ctx context.Context) error {
	m := t.measured
	spent, err := t.instance.during(ctx, func(ctx context.Context) error {
		took, err := t.inARow(ctx, t.options.drifts/t.options.rounds, true)
		if err != nil {
			return err
		}
		m.single = append(m.single, took)
		m.cost.events += len(took)
		return t.instance.quiet(ctx)
	})
	if err != nil {
		return err
	}
	m.cost.cpu += spent.cpu
	if m.cost.requests == nil {
		m.cost.requests = requestCount{}
	}
	m.cost.requests.add(spent.requests.of(m.engine.user))
	m.evidence = m.evidence.plus(spent.evidence)
	return nil
}

// sameInARow drifts the same object again and again, in the same way.
func (t *turn) sameInARow(ctx context.Context) error {
	took, err := t.inARow(ctx, sameDrifts, false)
	t.next++
	t.measured.same = append(t.measured.same, took)
	return err
}

// manyAtOnce measures this turn's share of the bursts.
func (t *turn) manyAtOnce(ctx context.Context) error {
	spent, err := t.instance.during(ctx, func(ctx context.Context) error {
		for range t.options.burstsPerRound() {
			took, err := t.drift(ctx, min(t.options.burst, len(t.cluster.namespaces)))
			if err != nil {
				return err
			}
			t.measured.bursts = append(t.measured.bursts, took)
			if err := t.instance.quiet(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	t.measured.burstEvidence = t.measured.burstEvidence.plus(spent.evidence)
	return err
}

// allAtOnce drifts every namespace at once, where these are more than a burst.
func (t *turn) allAtOnce(ctx context.Context) error {
	if len(t.cluster.namespaces) <= t.options.burst {
		return nil
	}
	took, err := t.drift(ctx, len(t.cluster.namespaces))
	t.measured.all = append(t.measured.all, took)
	return err
}

// deviateWhileDown makes drifts while no engine runs.
func (t *turn) deviateWhileDown(ctx context.Context) ([]*drift, error) {
	drifts := t.drifts(min(downDrifts, len(t.cluster.namespaces)))
	if err := t.deviate(ctx, drifts); err != nil {
		return nil, err
	}
	return drifts, t.cluster.watcher.awaitSeen(ctx, drifts)
}

// afterDown measures the repair of what drifted while the engine was down.
func (t *turn) afterDown(ctx context.Context, drifts []*drift) error {
	if err := t.cluster.watcher.await(ctx, t.instance.process, drifts, repairTimeout); err != nil {
		return err
	}
	var took sample
	for _, d := range drifts {
		took = append(took, d.repaired.Sub(t.instance.started))
	}
	t.measured.down = append(t.measured.down, took)
	if err := pause(ctx, reopenWait); err != nil {
		return err
	}
	if bad := t.cluster.watcher.bad(t.cluster.namespaces); bad > 0 {
		return fmt.Errorf("%d objects were bad again %s after their repair", bad, reopenWait)
	}
	return nil
}

// idle counts, in the last round, what the engine does while nothing happens.
func (t *turn) idle(ctx context.Context) error {
	if t.round < t.options.rounds-1 {
		return nil
	}
	if err := pause(ctx, restAfter); err != nil {
		return err
	}
	m := t.measured
	rested, err := t.instance.during(ctx, func(ctx context.Context) error { return pause(ctx, t.options.idle) })
	if err != nil {
		return err
	}
	m.idle = idle{lasted: t.options.idle, cpu: rested.cpu, requests: rested.requests.of(m.engine.user), others: requestCount{}}
	for r, n := range rested.requests {
		if r.user != m.engine.user {
			m.idle.others[r] = n
		}
	}
	used, err := t.instance.usage()
	m.rest = used.memory()
	return err
}
