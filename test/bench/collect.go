package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// collectOptions are those of the suite collect.
type collectOptions struct {
	namespaces, collections int
}

// collectResult is what was measured of collections.
type collectResult struct {
	namespaces int
	made       []collected
	// before and during are the operator's highest memory, with all protected and
	// while it collected.
	before, during memory
	cost           cost
	requests       requestCount
}

// collected is one collection, as the ledger has it.
type collected struct {
	took     time.Duration
	state    string
	compared int
	differed int
}

// collectTimeout is when collections count as not to come.
const collectTimeout = 15 * time.Minute

// everyMinute is a schedule whose slots are not far.
const everyMinute = `apiVersion: holdfast.dev/v1alpha1
kind: EvidenceSchedule
metadata: {name: bench}
spec:
  schedule: "* * * * *"
  period: {rolling: 24h}
`

// measureCollections measures collections of a whole cluster.
func (b *bench) measureCollections(ctx context.Context, made *report) error {
	if !b.options.has(suiteCollect) {
		return nil
	}
	result := &collectResult{namespaces: b.options.collect.namespaces}
	if err := b.collect(ctx, result); err != nil {
		return fmt.Errorf("collect %d namespaces: %w", result.namespaces, err)
	}
	made.collections = result
	return nil
}

func (b *bench) collect(ctx context.Context, result *collectResult) (err error) {
	c, err := startCluster(ctx, b, setup{policy: policyManifest, noControllerManager: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	i, err := b.engines[holdfastName].start(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.stop()) }()
	b.say("creating %d namespaces to be collected", result.namespaces)
	drifts, err := c.createNamespaces(ctx, "ns", result.namespaces)
	if err != nil {
		return err
	}
	if err := c.watcher.await(ctx, i.process, drifts, 5*repairTimeout); err != nil {
		return err
	}
	if err := i.quiet(ctx); err != nil {
		return err
	}
	result.before = i.memory.take()
	spent, err := i.during(ctx, func(ctx context.Context) error {
		if err := c.kubectl(ctx, []byte(everyMinute), "apply", "-f", "-"); err != nil {
			return err
		}
		return b.awaitCollections(ctx, c, result)
	})
	if err != nil {
		return err
	}
	result.during = i.memory.take()
	result.requests = spent.requests.of(i.engine.user)
	result.cost = cost{events: len(result.made), cpu: spent.cpu, requests: result.requests}
	return nil
}

// awaitCollections waits until the ledger has so many collections.
func (b *bench) awaitCollections(ctx context.Context, c *cluster, result *collectResult) error {
	return poll(ctx, time.Second, collectTimeout, func() (bool, error) {
		made := []collected{}
		err := ledger.Read(ctx, c.ledgerDir(), ledger.ReadOptions{}, func(_ uint64, data []byte) error {
			if !bytes.Contains(data, []byte(`"kind":"Collected"`)) {
				return nil
			}
			e, err := ledger.Decode(data)
			if err == nil {
				body := e.Collection
				made = append(made, collected{body.Ended.Sub(body.Started.Time), body.State, body.Compared, body.Discrepancies})
			}
			return err
		})
		if len(made) > len(result.made) {
			newest := made[len(made)-1]
			b.say("a collection of %d units took %s (%s)", newest.compared, readable(newest.took), newest.state)
		}
		result.made = made
		return len(made) >= b.options.collect.collections, err
	})
}

// String names the section of the report.
func (r *collectResult) String() string {
	return fmt.Sprintf("A collection of %d namespaces", r.namespaces)
}

func (r *collectResult) write(w *bytes.Buffer) {
	var took sample
	var states []string
	compared, differed := 0, 0
	for _, c := range r.made {
		took, states = append(took, c.took), append(states, c.state)
		compared, differed = c.compared, differed+c.differed
	}
	t := &table{header: []string{"", ""}}
	t.add("From its beginning to its end: median / worst", readableAll(took.median(), took.last()))
	t.add("Collections", fmt.Sprintf("%d: %s", len(r.made), strings.Join(states, ", ")))
	t.add("Units compared with the recorded state in each / discrepancies in all", fmt.Sprintf("%d / %d", compared, differed))
	t.add("CPU of the operator per collection", readable(r.cost.cpuEach()))
	t.add("Memory, peak, all / without pages of files: before any", r.before.String())
	t.add("– while it collected", r.during.String())
	t.add("Requests in that time", r.requests.String())
	t.write(w)
	fmt.Fprintf(w, "Holdfast alone, without a controller manager and without pods; every namespace is protected by one control. "+
		"An EvidenceSchedule asks for a collection every minute. Each reads the whole population afresh from the API server, compares it with what the ledger has, and writes its manifest.\n\n")
}
