package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/test/bench/denyingress"
)

const (
	// flips is how often a selector is made to select every namespace, and all but one.
	flips = 20
	// flipTimeout is when a flip counts as not seen.
	flipTimeout = 10 * time.Second
	// entering namespaces get the label that brings them into scope.
	entering = 30
	// relabelPause is between two changes of labels.
	relabelPause = 10 * time.Millisecond
)

// relabelResult is what was measured of namespaces that get other labels.
type relabelResult struct {
	// namespaces are all, users those with a policy that selects others.
	namespaces, users int
	by                []*relabelled
}

// relabelled is what was measured with one number of distinct selectors.
type relabelled struct {
	selectors int
	// cost is of namespaces that go from one team to another, which changes no
	// verdict.
	cost cost
	// flips are the times until the operator's metrics showed that a selector
	// selects every namespace, or no longer does. It is empty where they did not.
	flips sample
	// entered are the times until namespaces were protected that a label brought
	// into scope.
	entered sample
}

// relabelRun is a cluster where namespaces get other labels.
type relabelRun struct {
	*bench
	cluster  *cluster
	instance *instance
	result   *relabelResult
	// next counts the changes of teams, moved by namespace.
	next  int
	moved map[int]int
}

// measureRelabels measures what the operator does when a namespace gets another label.
func (b *bench) measureRelabels(ctx context.Context, made *report) (err error) {
	if !b.options.has(suiteRelabel) {
		return nil
	}
	c, err := startCluster(ctx, b, setup{policy: policyManifest, noControllerManager: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	o := b.options.relabel
	made.relabels = &relabelResult{namespaces: o.namespaces, users: slices.Max(o.selectors)}
	run := &relabelRun{bench: b, cluster: c, result: made.relabels, moved: map[int]int{}}
	if run.instance, err = b.engines[holdfastName].start(c); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.instance.stop()) }()
	if err := run.prepare(ctx); err != nil {
		return fmt.Errorf("prepare %d namespaces: %w", o.namespaces, err)
	}
	for _, selectors := range o.selectors {
		if err := run.measure(ctx, selectors); err != nil {
			return fmt.Errorf("relabel with %d selectors: %w", selectors, err)
		}
	}
	return nil
}

// prepare creates the namespaces, and waits until they are protected.
func (r *relabelRun) prepare(ctx context.Context) error {
	r.say("creating %d namespaces to be relabelled", r.result.namespaces)
	drifts, err := r.cluster.createNamespaces(ctx, "ns", r.result.namespaces)
	if err != nil {
		return err
	}
	if err := r.cluster.watcher.await(ctx, r.instance.process, drifts, 5*repairTimeout); err != nil {
		return err
	}
	// Whether a rule opens a namespace may depend on there being a pod.
	if err := r.cluster.createPod(ctx, r.cluster.namespaces[0], podShape{name: "open", app: apps[0]}); err != nil {
		return err
	}
	return r.instance.quiet(ctx)
}

// measure has the users' policies refer to others by that many selectors, and
// changes labels.
func (r *relabelRun) measure(ctx context.Context, selectors int) error {
	users := r.cluster.namespaces[:r.result.users]
	teams := map[string]string{}
	for i, namespace := range users {
		teams[namespace] = team(i % selectors)
	}
	if err := atOnce(users, writers, func(namespace string) error {
		return r.cluster.applyPolicy(ctx, partnersPolicy(namespace, teams[namespace]))
	}); err != nil {
		return err
	}
	if err := r.instance.quiet(ctx); err != nil {
		return err
	}
	now := &relabelled{selectors: selectors}
	for _, step := range []func(context.Context, *relabelled) error{r.change, r.flip, r.enter} {
		if err := step(ctx, now); err != nil {
			return err
		}
		if err := r.instance.quiet(ctx); err != nil {
			return err
		}
	}
	r.result.by = append(r.result.by, now)
	r.say("%d namespaces, %d distinct peer selectors: %s of CPU per relabel, %d flips seen in %s, into scope in %s",
		r.result.namespaces, selectors, readable(now.cost.cpuEach()), len(now.flips), readable(now.flips.median()), readable(now.entered.median()))
	return nil
}

// change moves namespaces to other teams, one at a time.
func (r *relabelRun) change(ctx context.Context, now *relabelled) error {
	if err := r.move(ctx, warmUps); err != nil {
		return err
	}
	if err := r.instance.quiet(ctx); err != nil {
		return err
	}
	var err error
	now.cost, err = r.instance.costOf(ctx, r.options.relabel.relabels, func(ctx context.Context) error {
		return r.move(ctx, r.options.relabel.relabels)
	})
	return err
}

// move moves that many namespaces to the team after theirs, none of them with a
// policy of its user's.
func (r *relabelRun) move(ctx context.Context, n int) error {
	for range n {
		i := r.result.users + r.next%(r.result.namespaces-r.result.users)
		r.next++
		r.moved[i]++
		if err := r.label(ctx, r.cluster.namespaces[i], teamLabel, team(i+r.moved[i])); err != nil {
			return err
		}
		if err := pause(ctx, relabelPause); err != nil {
			return err
		}
	}
	return nil
}

// label sets a label of a namespace, or removes it with "".
func (r *relabelRun) label(ctx context.Context, namespace, key, value string) error {
	content := "null"
	if value != "" {
		content = fmt.Sprintf("%q", value)
	}
	_, err := r.cluster.client.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"labels":{%q:%s}}}`, key, content), metav1.PatchOptions{FieldManager: fieldManager})
	return err
}

// flip has a policy allow whoever is not quarantined, and quarantines a
// namespace, and no longer, by turns: with none, everybody is allowed.
func (r *relabelRun) flip(ctx context.Context, now *relabelled) error {
	policy := everyonePolicy(r.cluster.namespaces[0])
	before, err := r.deviating(ctx)
	if err != nil {
		return err
	}
	if err := r.cluster.applyPolicy(ctx, policy); err != nil {
		return err
	}
	quarantined := r.cluster.namespaces[r.result.namespaces-1]
	err = r.awaitDeviating(ctx, before+1)
	for n := 0; n < flips && err == nil; n++ {
		value, want := "true", before
		if n%2 == 1 {
			value, want = "", before+1
		}
		if err = r.label(ctx, quarantined, quarantineLabel, value); err != nil {
			break
		}
		begin := time.Now()
		if err = r.awaitDeviating(ctx, want); err == nil {
			now.flips = append(now.flips, time.Since(begin))
		}
	}
	if errors.Is(err, errInVain) {
		r.say("the metrics did not show that a selector selects every namespace, or no longer does")
		now.flips, err = nil, nil
	}
	return errors.Join(err,
		r.label(ctx, quarantined, quarantineLabel, ""),
		r.cluster.client.NetworkingV1().NetworkPolicies(policy.Namespace).Delete(ctx, policy.Name, metav1.DeleteOptions{}))
}

func (r *relabelRun) deviating(ctx context.Context) (int, error) {
	found, err := r.instance.metrics(ctx)
	return found.sum(subjectsMetric, "outcome", string(control.Deviating)), err
}

func (r *relabelRun) awaitDeviating(ctx context.Context, want int) error {
	return poll(ctx, pollEvery, flipTimeout, func() (bool, error) {
		n, err := r.deviating(ctx)
		return n == want, err
	})
}

// enter brings namespaces into scope by a label, one at a time.
func (r *relabelRun) enter(ctx context.Context, now *relabelled) error {
	var outside []string
	for i := range entering {
		outside = append(outside, fmt.Sprintf("outside-%d-%05d", now.selectors, i))
	}
	if err := atOnce(outside, writers, func(name string) error {
		return r.cluster.createNamespace(ctx, name, nil)
	}); err != nil {
		return err
	}
	if err := r.instance.quiet(ctx); err != nil {
		return err
	}
	for _, name := range outside {
		d := r.cluster.watcher.expect(name, true)
		if err := r.label(ctx, name, denyingress.Label, "true"); err != nil {
			return err
		}
		d.acknowledged = time.Now()
		if err := r.cluster.watcher.await(ctx, r.instance.process, []*drift{d}, repairTimeout); err != nil {
			return err
		}
		now.entered = append(now.entered, d.latency())
		if err := pause(ctx, relabelPause); err != nil {
			return err
		}
	}
	return nil
}
