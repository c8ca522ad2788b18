package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"
)

// fiveControls is how many controls the policy among many pods has.
const fiveControls = 5

// policyEvery is one in how many namespaces has a policy of its user's, which
// tells pods apart.
const policyEvery = 10

//go:embed manifests/five.yaml
var fiveManifest []byte

// podsResult is what was measured among many pods.
type podsResult struct {
	namespaces, pods int
	// measured has what drifts while it was down, and memory.
	measured *measured
	// empty, filled and churned are the highest memory while the namespaces were
	// created and protected, while pods were created, and while these changed.
	empty, filled, churned memory
	// creation is what creating the pods cost, churn what changing some did.
	creation, churn podCost
	// restart is with the ledger, install with none.
	restart, install coldStart
	ledger           *ledgerCheck
}

// podCost is what changes of pods cost.
type podCost struct {
	cost
	evaluations uint64
	// took is from the first request to the answer to the last.
	took time.Duration
}

// String names the section of the report.
func (r *podsResult) String() string {
	return fmt.Sprintf("%d namespaces, %d pods", r.namespaces, r.pods)
}

// podsRun is a cluster with many pods.
type podsRun struct {
	turn
	pods   pods
	result *podsResult
}

// measureAllPods measures each size.
func (b *bench) measureAllPods(ctx context.Context, made *report) error {
	if !b.options.has(suitePods) {
		return nil
	}
	for _, namespaces := range b.options.pods.namespaces {
		result := &podsResult{namespaces: namespaces, pods: namespaces * b.options.pods.perNamespace}
		if err := b.measurePods(ctx, result); err != nil {
			return fmt.Errorf("with %s: %w", result, err)
		}
		made.pods = append(made.pods, result)
	}
	return nil
}

// measurePods measures the operator among many pods. The namespaces are
// protected before there are any: first enforcement among pods is paced.
func (b *bench) measurePods(ctx context.Context, result *podsResult) (err error) {
	c, err := startCluster(ctx, b, setup{policy: fiveManifest, noControllerManager: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	result.measured = &measured{engine: b.engines[holdfastName]}
	run := &podsRun{
		turn:   turn{bench: b, cluster: c, measured: result.measured, made: driftCount{}},
		pods:   pods{cluster: c, count: result.pods},
		result: result,
	}
	for _, step := range []func(context.Context) error{run.fill, run.restart, run.check, run.install} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fill has the operator watch how namespaces and pods come to be, and change.
func (r *podsRun) fill(ctx context.Context) (err error) {
	if r.instance, err = r.measured.engine.start(r.cluster); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.end(r.measured, r.instance)) }()
	for _, step := range []func(context.Context) error{r.createNamespaces, r.createPods, r.changePods} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *podsRun) createNamespaces(ctx context.Context) error {
	r.say("creating %d namespaces", r.result.namespaces)
	drifts, err := r.cluster.createNamespaces(ctx, "ns", r.result.namespaces)
	if err != nil {
		return err
	}
	r.note(drifts...)
	if err := r.cluster.watcher.await(ctx, r.instance.process, drifts, 5*repairTimeout); err != nil {
		return err
	}
	err = r.instance.quiet(ctx)
	r.result.empty = r.memory()
	r.say("%d namespaces protected; memory, all / without pages of files: %s", r.result.namespaces, r.result.empty)
	return err
}

func (r *podsRun) createPods(ctx context.Context) error {
	var users []string
	for i := 0; i < len(r.cluster.namespaces); i += policyEvery {
		users = append(users, r.cluster.namespaces[i])
	}
	if err := atOnce(users, writers, func(namespace string) error {
		return r.cluster.applyPolicy(ctx, webPolicy(namespace))
	}); err != nil {
		return err
	}
	if err := r.instance.quiet(ctx); err != nil {
		return err
	}
	r.say("creating %d pods", r.result.pods)
	var err error
	r.result.creation, err = r.costOfPods(ctx, r.result.pods, r.pods.createAll)
	r.result.filled = r.memory()
	r.say("%d pods created in %s: %s of CPU each, memory %s", r.result.pods, readable(r.result.creation.took), readable(r.result.creation.cpuEach()), r.result.filled)
	return err
}

func (r *podsRun) changePods(ctx context.Context) error {
	o := r.options.pods
	r.say("changing pods %d times, %d times a second", o.events, o.rate)
	var err error
	r.result.churn, err = r.costOfPods(ctx, o.events, func(ctx context.Context) error {
		return r.pods.churn(ctx, o.events, o.rate)
	})
	r.result.churned = r.memory()
	r.say("%d changes of pods: %s of CPU each, memory %s", o.events, readable(r.result.churn.cpuEach()), r.result.churned)
	return err
}

// memory returns the highest memory since the last call.
func (r *podsRun) memory() memory {
	peak := r.instance.memory.take()
	r.measured.peak = r.measured.peak.most(peak)
	return peak
}

// costOfPods measures what changes of pods cost.
func (r *podsRun) costOfPods(ctx context.Context, events int, do func(context.Context) error) (podCost, error) {
	before, err := r.instance.progress(ctx)
	if err != nil {
		return podCost{}, err
	}
	made := podCost{}
	made.cost, err = r.instance.costOf(ctx, events, func(ctx context.Context) error {
		begin := time.Now()
		err := do(ctx)
		made.took = time.Since(begin)
		return err
	})
	if err != nil {
		return podCost{}, err
	}
	after, err := r.instance.progress(ctx)
	made.evaluations = after.evaluations - before.evaluations
	return made, err
}

// restart starts the operator with its ledger, after drifts while it was down.
func (r *podsRun) restart(ctx context.Context) error {
	down, err := r.deviateWhileDown(ctx)
	if err != nil {
		return err
	}
	if r.result.restart, err = r.coldStart(ctx, down); err != nil {
		return err
	}
	repaired := pooled(r.measured.down)
	r.result.restart.first, r.result.restart.last = repaired.first(), repaired.last()
	r.say("restarted among %d pods: first repair after %s, all after %s, evaluated after %s, memory %s", r.result.pods,
		readable(repaired.first()), readable(repaired.last()), readable(r.result.restart.evaluated), r.result.restart.memory)
	return nil
}

// check looks for one episode per drift, before the ledger is put aside.
func (r *podsRun) check(ctx context.Context) error {
	var err error
	r.result.ledger, err = checkLedger(ctx, r.cluster.ledgerDir(), r.made)
	r.say("%s", r.result.ledger)
	return err
}

// install starts the operator as after its installation, without a ledger.
func (r *podsRun) install(ctx context.Context) error {
	err := r.cluster.forgetLedger(ctx)
	if err != nil {
		return err
	}
	if r.result.install, err = r.coldStart(ctx, nil); err != nil {
		return err
	}
	r.say("started among %d pods without a ledger: evaluated after %s, memory %s", r.result.pods,
		readable(r.result.install.evaluated), r.result.install.memory)
	return nil
}

// coldStart starts the operator, waits until it has evaluated everything and
// repaired what drifted, and stops it.
func (r *podsRun) coldStart(ctx context.Context, down []*drift) (start coldStart, err error) {
	if r.instance, err = r.measured.engine.start(r.cluster); err != nil {
		return coldStart{}, err
	}
	defer func() { err = errors.Join(err, r.end(r.measured, r.instance)) }()
	defer r.countReopened()()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	repaired := make(chan error, 1)
	go func() { repaired <- r.afterDown(ctx, down) }()
	start, err = r.instance.awaitEvaluated(ctx, r.result.namespaces, fiveControls)
	if err != nil {
		return coldStart{}, err
	}
	start.memory = r.memory()
	return start, <-repaired
}
