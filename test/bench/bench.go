package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// repairTimeout is when a drift counts as not repaired, which ends a run.
const repairTimeout = 5 * time.Minute

// bench is one run.
type bench struct {
	options options
	// dir is removed at the end.
	dir     string
	engines map[string]*engine
	began   time.Time
}

// say prints a line of progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// measureSizes measures all engines with each number of namespaces.
func (b *bench) measureSizes(ctx context.Context, made *report) error {
	if !b.options.has(suiteRepair) {
		return nil
	}
	for _, namespaces := range b.options.namespaces {
		result, err := b.measureSize(ctx, namespaces)
		if err != nil {
			return fmt.Errorf("with %d namespaces: %w", namespaces, err)
		}
		made.sizes = append(made.sizes, result)
	}
	return nil
}

// measureSize measures all engines with one number of namespaces.
func (b *bench) measureSize(ctx context.Context, namespaces int) (*sizeResult, error) {
	result := &sizeResult{namespaces: namespaces}
	for _, name := range b.options.engines {
		result.engines = append(result.engines, &measured{engine: b.engines[name]})
	}
	for round := range b.options.convergeRounds {
		for _, m := range inTurn(result.engines, round) {
			if err := b.converge(ctx, m, namespaces); err != nil {
				return nil, fmt.Errorf("protect new namespaces: %w", err)
			}
		}
	}
	return result, b.repair(ctx, result)
}

// inTurn returns the engines in an order that is turned round every time.
func inTurn(engines []*measured, round int) []*measured {
	turned := make([]*measured, 0, len(engines))
	for i := range engines {
		turned = append(turned, engines[(i+round)%len(engines)])
	}
	return turned
}

// converge measures how fast new namespaces are protected, on a cluster of their own.
func (b *bench) converge(ctx context.Context, m *measured, namespaces int) (err error) {
	c, err := startCluster(ctx, b, setup{policy: policyManifest})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	i, err := m.engine.start(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.end(m, i)) }()
	first, err := c.createNamespaces(ctx, "first", 1)
	if err != nil {
		return err
	}
	if err := c.watcher.await(ctx, i.process, first, repairTimeout); err != nil {
		return err
	}
	if err := i.quiet(ctx); err != nil {
		return err
	}
	begin := time.Now()
	drifts, err := c.createNamespaces(ctx, "ns", namespaces)
	if err != nil {
		return err
	}
	result := converged{created: time.Since(begin)}
	if err := c.watcher.await(ctx, i.process, drifts, 5*repairTimeout); err != nil {
		return err
	}
	for _, d := range drifts {
		result.each = append(result.each, d.latency())
		result.last = max(result.last, d.repaired.Sub(begin))
	}
	m.converged = append(m.converged, result)
	b.say("%d namespaces created and protected by %s in %s", namespaces, m.engine.name, readable(result.last))
	return nil
}

// end takes note of an instance's memory and stops it.
func (b *bench) end(m *measured, i *instance) error {
	used, err := i.usage()
	if err != nil {
		return err
	}
	m.peak = m.peak.most(memory{resident: used.peak}).most(i.memory.take())
	return i.stop()
}

// repair measures repairs, all engines in turn on one cluster.
func (b *bench) repair(ctx context.Context, result *sizeResult) (err error) {
	c, err := startCluster(ctx, b, setup{policy: policyManifest})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	made := driftCount{}
	if err := b.populate(ctx, c, result, made); err != nil {
		return fmt.Errorf("prepare %d namespaces: %w", result.namespaces, err)
	}
	for round := range b.options.rounds {
		for _, m := range inTurn(result.engines, round) {
			t := &turn{bench: b, cluster: c, measured: m, made: made, round: round}
			if err := t.run(ctx); err != nil {
				return fmt.Errorf("round %d of %s: %w", round+1, m.engine.name, err)
			}
		}
	}
	if result.of(holdfastName) == nil {
		return nil
	}
	result.ledger, err = checkLedger(ctx, c.ledgerDir(), made)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	b.say("%s", result.ledger)
	return nil
}

// populate creates the namespaces, has the first engine protect them, and gives
// every other engine a first start, which is not measured.
func (b *bench) populate(ctx context.Context, c *cluster, result *sizeResult, made driftCount) error {
	for n, m := range result.engines {
		t := &turn{bench: b, cluster: c, measured: m, made: made}
		prepare := t.deviateWhileDown
		if n == 0 {
			prepare = func(ctx context.Context) ([]*drift, error) {
				b.say("creating %d namespaces to be drifted", result.namespaces)
				drifts, err := c.createNamespaces(ctx, "ns", result.namespaces)
				t.note(drifts...)
				return drifts, err
			}
		}
		counted := t.countReopened()
		if err := b.firstStart(ctx, c, m.engine, prepare); err != nil {
			return err
		}
		counted()
	}
	return nil
}

// firstStart starts an engine, and stops it once it has repaired what was prepared.
func (b *bench) firstStart(ctx context.Context, c *cluster, e *engine, prepare func(context.Context) ([]*drift, error)) (err error) {
	drifts, err := prepare(ctx)
	if err != nil {
		return err
	}
	i, err := e.start(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.stop()) }()
	if err := c.watcher.await(ctx, i.process, drifts, 5*repairTimeout); err != nil {
		return err
	}
	return i.quiet(ctx)
}
