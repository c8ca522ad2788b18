package main

import (
	"context"
	"time"
)

// drift is one thing that people do to a policy.
type drift struct{ namespace, command string }

var (
	deleted  = drift{"shop", "kubectl delete networkpolicy -n shop " + denyIngress}
	opened   = drift{"payments", "kubectl patch networkpolicy -n payments " + denyIngress + ` --type=merge -p '{"spec":{"ingress":[{}]}}'`}
	narrowed = drift{"web", "kubectl patch networkpolicy -n web " + denyIngress + ` --type=merge -p '{"spec":{"podSelector":{"matchLabels":{"app":"none"}}}}'`}
)

// driftStep makes the drift, and shows how it ends.
func driftStep(x drift) func(context.Context, *demo) error {
	return func(ctx context.Context, d *demo) error {
		repaired, err := d.clockRepair(ctx, x.namespace)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := d.shells(ctx, x.command); err != nil {
			return err
		}
		took, err := repaired()
		if err != nil {
			return err
		}
		d.note("repaired in %.1f ms", float64(took.Microseconds())/1000)
		d.printf("\n")
		ended, err := d.endedSince(ctx, began, x.namespace, 1)
		if err != nil {
			return err
		}
		if err := d.showEpisodes(ctx, ended); err != nil {
			return err
		}
		if d.story.drift.id == "" && len(ended) > 0 {
			d.story.drift = ended[0]
		}
		applied, err := d.isApplied(ctx, x.namespace)
		if err != nil {
			return err
		}
		d.claim("the policy is again exactly what Holdfast applied", true, applied)
		d.claim("the drift is one episode, repaired once", []string{"Drift → Repaired, repaired 1×"}, describeAll(ended))
		return nil
	}
}

// showEpisodes lists the entries of episodes.
func (d *demo) showEpisodes(ctx context.Context, episodes []episode) error {
	for _, e := range episodes {
		if err := d.shells(ctx, "kubectl holdfast entries $DEMO/ledger --episode "+e.id[:8]); err != nil {
			return err
		}
	}
	return nil
}
