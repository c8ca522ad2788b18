package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// showKill kills the operator, makes drift, and starts it again.
func showKill(ctx context.Context, d *demo) error {
	before, err := d.policies(ctx)
	if err != nil {
		return err
	}
	if err := d.kill(ctx); err != nil {
		return err
	}
	killed := time.Now() // until then it may have recorded something
	if err := d.shells(ctx, deleted.command, "kubectl get networkpolicies -n shop"); err != nil {
		return err
	}
	drifted := time.Now()
	if err := d.startOperator(ctx); err != nil {
		return err
	}
	restarted := d.operator.started
	ended, err := d.endedSince(ctx, killed, "shop", 1)
	if err != nil {
		return err
	}
	d.printf("\n")
	if err := d.shells(ctx, "kubectl holdfast entries $DEMO/ledger --since "+stamp(killed)); err != nil {
		return err
	}
	entries, err := d.entriesSince(ctx, killed)
	if err != nil {
		return err
	}
	after, err := d.policies(ctx)
	if err != nil {
		return err
	}
	if len(ended) > 0 {
		d.note("repaired %.1fs after the new process began", ended[0].began.Add(ended[0].lasted).Sub(restarted).Seconds())
	}
	d.claim("what was found after the outage is one episode, repaired once", []string{"AfterGap → Repaired, repaired 1×"}, describeAll(ended))
	d.claimOneGap(outages(entries), killed, drifted)
	d.claim("no other policy was written", []string{"shop/" + denyIngress}, changed(before, after))
	return nil
}

// stamp is a time as commands take it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// kill kills the operator the hard way.
func (d *demo) kill(ctx context.Context) error {
	d.command("kill -9 " + strconv.Itoa(d.operator.cmd.Process.Pid))
	if err := d.operator.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill the operator: %w", err)
	}
	select {
	case <-d.operator.exited:
	case <-ctx.Done():
		return ctx.Err()
	}
	d.output("")
	return nil
}

// outages are the gaps in which no operator ran. A watch that had not come back since
// the API server was started again has one of its own, which ends here too.
func outages(entries []ledger.Entry) []ledger.Entry {
	return slices.DeleteFunc(kindsOf(entries, ledger.KindGap), func(e ledger.Entry) bool { return e.Gap.Cause != ledger.CauseNotRunning })
}

// claimOneGap claims that the outage is one gap, which covers all of it.
func (d *demo) claimOneGap(outages []ledger.Entry, killed, drifted time.Time) {
	d.claim("the time without an operator is one gap", 1, len(outages))
	covers := func(e ledger.Entry) bool {
		return e.Gap.To != nil && !e.Gap.From.After(killed) && e.Gap.To.After(drifted)
	}
	d.claim("the gap begins no later than the kill, and ends after the drift", true, slices.ContainsFunc(outages, covers))
}

// changed are the policies that are new or of another version, sorted.
func changed(before, after map[string]string) []string {
	var names []string
	for _, name := range sortedKeys(after) {
		if before[name] != after[name] {
			names = append(names, name)
		}
	}
	return names
}
