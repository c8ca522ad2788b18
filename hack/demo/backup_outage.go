package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func showGone(ctx context.Context, d *demo) error {
	d.story.gone = time.Now()
	if err := d.during("stopping the object store", d.backups.store.Stop); err != nil {
		return err
	}
	found, err := d.awaitUnitsOf(ctx, "waiting until Velero looks for it", func(found []episode) bool {
		return hasRule(rulesOf(since(found, d.story.gone), unitPlan), "BK-05")
	})
	if err != nil {
		return err
	}
	d.printf("\n")
	if err := d.shells(ctx, showLocation); err != nil {
		return err
	}
	d.claim("the location is unavailable, and the control deviates", true, hasRule(rulesOf(since(found, d.story.gone), unitPlan), "BK-05"))
	return d.showBreach(ctx)
}

// showBreach waits until the newest backup is too old.
func (d *demo) showBreach(ctx context.Context) error {
	found, err := d.awaitUnitsOf(ctx, "waiting until the newest backup is older than the objective", func(found []episode) bool {
		return slices.Equal(open(of(found, "BCK-1 Namespace")), backedUp("BCK-1"))
	})
	if err != nil {
		return err
	}
	if err := d.shells(ctx, showRuns, "kubectl get ctlp", whyBackup); err != nil {
		return err
	}
	runs, err := d.backups.runs(ctx)
	if err != nil {
		return err
	}
	newest, ok := completed(runs)
	if !ok {
		d.claim("a backup completed", true, false)
		return nil
	}
	breached := of(since(found, d.story.gone), "BCK-1 Namespace")
	first, last := spread(breached, newest.begun.Add(objective))
	d.note("breached %.3fs to %.3fs after the second at which %s was %s old", first.Seconds(), last.Seconds(), newest.name, objective)
	d.claim("five namespaces breached their objective, payments did not conform before", len(production)-1, len(breached))
	d.claim("each did so at the second at which it had to", true, first >= 0 && last <= breachedWithin)
	return nil
}

// spread is how long after t the first and the last of episodes began.
func spread(episodes []episode, t time.Time) (first, last time.Duration) {
	for i, e := range episodes {
		after := e.began.Sub(t)
		if i == 0 {
			first, last = after, after
		}
		first, last = min(first, after), max(last, after)
	}
	return first, last
}

func showBack(ctx context.Context, d *demo) error {
	if err := d.during("starting the object store again", func() error { return d.backups.store.Start(ctx) }); err != nil {
		return err
	}
	found, err := d.awaitUnitsOf(ctx, "waiting for the next run that completes", func(found []episode) bool {
		return slices.Equal(open(of(found, "BCK-1")), []string{unitPayments})
	})
	if err != nil {
		return err
	}
	d.printf("\n")
	if err := d.shells(ctx, showLocation, showRuns); err != nil {
		return err
	}
	ended := since(of(found, "BCK-1"), d.story.gone)
	if err := d.showEpisodes(ctx, slices.DeleteFunc(slices.Clone(ended), func(e episode) bool { return e.unit != unitPlan && e.subject != "shop" })); err != nil {
		return err
	}
	runs, err := d.awaitExtra(ctx)
	if err != nil {
		return err
	}
	d.claim("Holdfast did not wait for the plan, and had one backup made beside it", 1, extras(runs))
	d.claim("every episode of the outage ended as corrected", []string{"Corrected"}, endingsOf(ended))
	return d.claimRecorded(ctx)
}

// claimRecorded claims that the ledger has every backup that ended, whatever came of
// it.
func (d *demo) claimRecorded(ctx context.Context) error {
	var missing []string
	err := d.slowly(ctx, func(ctx context.Context) (bool, error) {
		runs, err := d.backups.runs(ctx)
		if err != nil {
			return false, err
		}
		entries, err := d.entriesSince(ctx, d.story.backup)
		missing = unrecorded(runs, kindsOf(entries, ledger.KindOccurrence))
		return len(missing) == 0, err
	})
	if err != nil {
		return err
	}
	if err := d.shells(ctx, "kubectl holdfast entries $DEMO/ledger --kind Occurrence --since "+stamp(d.story.backup)); err != nil {
		return err
	}
	d.claim("every run is recorded with what came of it, before Velero deletes it", 0, len(missing))
	return nil
}

// awaitExtra waits until a run beside the plan completed, which may have been begun
// behind one of the plan, and returns all runs that ended.
func (d *demo) awaitExtra(ctx context.Context) (runs []ran, err error) {
	err = d.slowly(ctx, func(ctx context.Context) (done bool, err error) {
		runs, err = d.backups.runs(ctx)
		return extras(runs) > 0, err
	})
	return runs, err
}

// extras is the number of runs that Holdfast began beside the plan, and that completed.
func extras(runs []ran) int {
	n := 0
	for _, run := range runs {
		if strings.HasPrefix(run.name, planName+"-extra-") && run.phase == "Completed" {
			n++
		}
	}
	return n
}

// unrecorded are the runs that no entry is about.
func unrecorded(runs []ran, entries []ledger.Entry) []string {
	var missing []string
	for _, run := range runs {
		if !slices.ContainsFunc(entries, func(e ledger.Entry) bool {
			return e.Occurrence.Run != nil && e.Occurrence.Run.Name == run.name
		}) {
			missing = append(missing, run.name)
		}
	}
	return missing
}
