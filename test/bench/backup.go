package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/bench/denyingress"
	"github.com/holdfast-dev/holdfast/test/crds"
)

//go:embed manifests/backup.yaml
var backupManifest []byte

const (
	// veleroInstall installs Holdfast with the right to see Velero's objects.
	veleroInstall = "test/bench/manifests/velero"
	// backupFloorReady is what the floor prints when it has read everything.
	backupFloorReady = "all backups were read"
	// pastGap is how long before the run the newest of the backups began that are
	// there at first: longer than the manifest's objective.
	pastGap = 48 * time.Hour
)

// backupOptions are those of the suite backup.
type backupOptions struct {
	namespaces, backups int
	// changes are new backups of one namespace, runs those of the plan.
	changes, runs int
}

func (o *backupOptions) validate() error {
	if o.namespaces < 2 || o.backups < 2*o.namespaces || o.changes < 1 || o.changes > o.namespaces || o.runs < 1 {
		return errors.New("-backups must be at least twice -backup-namespaces, -new-backups at most as many, -backup-runs positive")
	}
	return nil
}

// each is how many backups each namespace has of its own; the rest are runs of the
// plan, which covers all.
func (o *backupOptions) each() int { return o.backups/o.namespaces - 1 }

// backupResult is what was measured among many backups.
type backupResult struct {
	backupOptions
	floor, holdfast backupMeasured
	recorded        backupsRecorded
}

// backupMeasured is what one engine did.
type backupMeasured struct {
	start coldStart
	// single are new backups of one namespace, first is the run by which the others
	// have one too, further are runs after it.
	single, first, further podCost
	// turned is from the end of the first run until no namespace deviates.
	turned time.Duration
	peak   memory
}

// backupsRecorded is what the ledger has of the new backups of one namespace.
type backupsRecorded struct {
	// turned are namespaces with a new backup that conform since, others those
	// without one that do.
	turned, others int
	// occurrences are the backups themselves.
	occurrences int
}

// String names the section of the report.
func (r *backupResult) String() string {
	return fmt.Sprintf("%d Backups of %d namespaces", r.backups, r.namespaces)
}

// backupRun is a cluster with many backups.
type backupRun struct {
	podsRun
	result *backupResult
	velero *veleroObjects
	// queue are the backups to be made next, serial how many there were, and shift how
	// long ago they are said to begin.
	queue  []backup
	serial int
	shift  time.Duration
}

// measureBackups measures what it costs to know the recovery points of many
// namespaces, and to learn of new ones.
func (b *bench) measureBackups(ctx context.Context, made *report) (err error) {
	if !b.options.has(suiteBackup) {
		return nil
	}
	definitions, err := crds.Velero.Find()
	if err != nil {
		return err
	}
	c, err := startCluster(ctx, b, setup{policy: backupManifest, noControllerManager: true, crds: definitions, install: veleroInstall})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	made.backups = &backupResult{backupOptions: b.options.backup}
	run := &backupRun{result: made.backups}
	run.turn = turn{bench: b, cluster: c, made: driftCount{}}
	if run.velero, err = newVeleroObjects(ctx, c); err != nil {
		return err
	}
	if err := run.fill(ctx); err != nil {
		return fmt.Errorf("prepare %s: %w", run.result, err)
	}
	// To the floor a backup is new that is newer than the others, and to Holdfast it
	// is still too old then.
	run.shift = pastGap - time.Hour
	if err := run.measure(ctx, backupFloorName, &run.result.floor); err != nil {
		return err
	}
	run.shift = 0
	return run.measure(ctx, holdfastName, &run.result.holdfast)
}

// fill creates the objects before anybody looks at them.
func (r *backupRun) fill(ctx context.Context) error {
	r.say("creating %s", r.result)
	for i := range r.result.namespaces {
		r.cluster.namespaces = append(r.cluster.namespaces, fmt.Sprintf("ns-%05d", i))
	}
	if err := atOnce(r.cluster.namespaces, bulkWriters, func(name string) error {
		return r.cluster.createNamespace(ctx, name, map[string]string{denyingress.Label: "true"})
	}); err != nil {
		return err
	}
	if err := r.velero.createPlan(ctx); err != nil {
		return err
	}
	newest := time.Now().Add(-pastGap)
	for n := range r.result.backups {
		if n < r.result.namespaces*r.result.each() {
			r.enqueueOne(n)
		} else {
			r.enqueueAll()
		}
	}
	return atOnce(counted(len(r.queue)), bulkWriters, func(n int) error {
		age := time.Duration(n/r.result.namespaces) * time.Hour
		return r.velero.createEnded(ctx, r.queue[n], newest.Add(-age))
	})
}

// enqueueOne adds a backup of the n-th namespace, counted round, to the queue.
func (r *backupRun) enqueueOne(n int) {
	namespace := r.cluster.namespaces[n%len(r.cluster.namespaces)]
	r.enqueue(backup{plan: namespace, namespace: namespace})
}

// enqueueAll adds a run of the plan that covers all namespaces.
func (r *backupRun) enqueueAll() { r.enqueue(backup{plan: planName, namespace: everything}) }

// enqueue names a backup as Velero does: by its plan, and fourteen digits that grow.
func (r *backupRun) enqueue(b backup) {
	r.serial++
	b.name = fmt.Sprintf("%s-%014d", b.plan, r.serial)
	r.queue = append(r.queue, b)
}

// measure has an engine read everything, and then learn of new backups.
func (r *backupRun) measure(ctx context.Context, name string, into *backupMeasured) (err error) {
	r.measured = &measured{engine: r.engines[name]}
	if r.instance, err = r.measured.engine.start(r.cluster); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.end(r.measured, r.instance)) }()
	if into.start, err = r.awaitRead(ctx, name); err != nil {
		return err
	}
	into.start.memory = r.memory()
	r.say("%s: %s known after %s, memory %s", name, r.result, readable(into.start.evaluated), into.start.memory)
	for _, step := range []func(context.Context, *backupMeasured) error{r.single, r.runs} {
		if err := step(ctx, into); err != nil {
			return err
		}
	}
	into.peak = into.start.memory.most(r.memory())
	return nil
}

// awaitRead waits until an engine that was just started knows all backups.
func (r *backupRun) awaitRead(ctx context.Context, name string) (coldStart, error) {
	if name == holdfastName {
		return r.instance.awaitJudged(ctx, &startWatch{scopes: uint64(r.result.namespaces), subjects: r.result.namespaces + 1})
	}
	err := poll(ctx, pollEvery, startTimeout, func() (bool, error) {
		return strings.Contains(r.instance.tail(), backupFloorReady), r.instance.gone()
	})
	return coldStart{evaluated: time.Since(r.instance.started)}, errors.Join(err, r.instance.quiet(ctx))
}

// single has one namespace after the other backed up.
func (r *backupRun) single(ctx context.Context, into *backupMeasured) error {
	since := time.Now()
	r.queue = nil
	for n := range r.result.changes {
		r.enqueueOne(n)
	}
	var err error
	if into.single, err = r.costOfPods(ctx, r.result.changes, r.backUp); err != nil {
		return err
	}
	r.say("one new Backup of one namespace: %s of CPU, %.2f evaluations", readable(into.single.cpuEach()), into.single.evaluationsEach())
	if r.instance.metricsURL == "" {
		return nil
	}
	r.result.recorded, err = readRecorded(ctx, r.cluster.ledgerDir(), since, r.cluster.namespaces[:r.result.changes])
	r.say("%s", r.result.recorded)
	return err
}

// runs has the plan run, first for the namespaces that have no new backup yet, and
// then again.
func (r *backupRun) runs(ctx context.Context, into *backupMeasured) (err error) {
	r.enqueueAll()
	into.first, err = r.costOfPods(ctx, 1, func(ctx context.Context) error {
		if err := r.backUp(ctx); err != nil || r.instance.metricsURL == "" {
			return err
		}
		ended := time.Now()
		err := r.awaitCovered(ctx)
		into.turned = time.Since(ended)
		return err
	})
	if err != nil {
		return err
	}
	for range r.result.runs {
		r.enqueueAll()
	}
	into.further, err = r.costOfPods(ctx, r.result.runs, r.backUpApart)
	r.say("one new run of the plan: %s of CPU, %d evaluations, no namespace deviates after %s; one more: %s, %.0f evaluations",
		readable(into.first.cpuEach()), into.first.evaluations, readable(into.turned), readable(into.further.cpuEach()), into.further.evaluationsEach())
	return err
}

// backUp makes the backups of the queue, one after the other, far enough apart not
// to be judged together.
func (r *backupRun) backUp(ctx context.Context) error {
	queue := r.queue
	r.queue = nil
	for _, b := range queue {
		if err := r.velero.run(ctx, b, time.Now().Add(-r.shift)); err != nil {
			return err
		}
	}
	return nil
}

// backUpApart makes the backups of the queue, each when nobody has work left from the
// one before.
func (r *backupRun) backUpApart(ctx context.Context) error {
	queue := r.queue
	for _, b := range queue {
		r.queue = []backup{b}
		if err := errors.Join(r.backUp(ctx), r.instance.quiet(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// awaitCovered waits until no namespace deviates: at most the cluster does.
func (r *backupRun) awaitCovered(ctx context.Context) error {
	return poll(ctx, pollEvery, repairTimeout, func() (bool, error) {
		found, err := r.instance.metrics(ctx)
		return found.sum(subjectsMetric, "outcome", string(control.Deviating)) <= 1, err
	})
}

// readRecorded reads what the ledger has of backups of those namespaces, since a time.
func readRecorded(ctx context.Context, dir string, since time.Time, backedUp []string) (backupsRecorded, error) {
	found, turned := backupsRecorded{}, map[string]bool{}
	err := ledger.Read(ctx, dir, ledger.ReadOptions{Since: since}, func(_ uint64, data []byte) error {
		e, err := ledger.Decode(data)
		switch {
		case err != nil || e.ObservedAt.Before(since):
		case e.Kind == ledger.KindOccurrence:
			found.occurrences++
		case e.Kind == ledger.KindOutcomeChanged && e.Subject.Kind == "Namespace" && e.To.Outcome == control.Conforming:
			turned[e.Subject.Name] = true
		}
		return err
	})
	for name := range turned {
		if slices.Contains(backedUp, name) {
			found.turned++
		} else {
			found.others++
		}
	}
	return found, err
}

// String says what the ledger has.
func (b backupsRecorded) String() string {
	return fmt.Sprintf("%d of the namespaces with a new Backup conform since, %d of the others; occurrences recorded: %d", b.turned, b.others, b.occurrences)
}
