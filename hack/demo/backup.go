package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/velero"
)

const (
	// backupPolicy is the policy about backups, and planName the Schedule by which
	// Holdfast has Velero carry it out.
	backupPolicy = "backup"
	planName     = "holdfast-backup-bck-1"
	// objective is how old the manifest lets the newest backup be.
	objective = 2 * time.Minute
	// knownWithin is how soon after its end a backup is to count.
	knownWithin = 5 * time.Second
	// breachedWithin is how soon after its second an objective is to be breached.
	breachedWithin = time.Second
	// slowPoll is for what takes minutes.
	slowPoll = 250 * time.Millisecond
)

// The commands of these steps.
const (
	applyBackup  = "kubectl apply -f hack/demo/manifests/backup.yaml"
	pausePlan    = "kubectl patch schedules.velero.io -n velero " + planName + ` --type=merge -p '{"spec":{"paused":true}}'`
	showLocation = "kubectl get backupstoragelocations.velero.io -n velero"
	showRuns     = "kubectl get backups.velero.io -n velero -o custom-columns=" +
		"NAME:.metadata.name,PHASE:.status.phase,STARTED:.status.startTimestamp,COMPLETED:.status.completionTimestamp"
)

// The units of the policy that the claims are about.
const (
	unitPlan     = "BCK-1 Cluster cluster"
	unitPayments = "BCK-1 Namespace payments"
)

// production are the namespaces that are to be backed up.
var production = []string{"catalog", "legacy-batch", "payments", "shop", "warehouse", "web"}

// backedUp are the units of production, of a control.
func backedUp(control string) []string {
	var units []string
	for _, name := range production {
		units = append(units, control+" Namespace "+name)
	}
	return units
}

// backupSteps are the part of the story that takes the real Velero.
func backupSteps() []step {
	return []step{
		{"Backup: a plan, and what it holds", narrativePlan, showPlan},
		{"Backup: the plan is paused", narrativePaused, showPaused},
		{"Backup: restored", narrativeRestored, showRestored},
		{"Backup: the object store is gone", narrativeGone, showGone},
		{"Backup: the object store is back", narrativeBack, showBack},
	}
}

func showPlan(ctx context.Context, d *demo) error {
	if err := d.during("starting an object store, and Velero", func() error { return d.startVelero(ctx) }); err != nil {
		return err
	}
	d.printf("\n")
	d.story.backup = time.Now()
	if err := d.shells(ctx, "sed -n '/^  scope:/,$p' hack/demo/manifests/backup.yaml", applyBackup); err != nil {
		return err
	}
	if _, err := d.backups.AwaitPhase(ctx, velero.KindSchedule, planName, "Enabled"); err != nil {
		return err
	}
	if err := d.shells(ctx, "kubectl get schedules.velero.io -n velero"); err != nil {
		return err
	}
	cron, paused, cluster, err := d.backups.plan(ctx)
	if err != nil {
		return err
	}
	system := &corev1.Namespace{}
	if err := d.client.Get(ctx, client.ObjectKey{Name: "kube-system"}, system); err != nil {
		return err
	}
	d.claim("Holdfast applied the plan, as a Schedule of Velero's", "* * * * *, paused: false", fmt.Sprintf("%s, paused: %t", cron, paused))
	d.claim("its backups will say which cluster they are of", string(system.UID), cluster)
	return d.showFirstRun(ctx)
}

// showFirstRun waits for the first backup, and shows what it is worth.
func (d *demo) showFirstRun(ctx context.Context) error {
	found, err := d.awaitUnitsOf(ctx, "waiting for the first run: Velero begins it within a minute or two", func(found []episode) bool {
		return began(found, backedUp("BCK-1")) && slices.Equal(open(of(found, "BCK-1")), []string{unitPayments})
	})
	if err != nil {
		return err
	}
	d.printf("\n")
	if err := d.shells(ctx, showRuns, "kubectl holdfast entries $DEMO/ledger --kind Occurrence --since "+stamp(d.story.backup),
		"kubectl holdfast explain BCK-1 shop", "kubectl holdfast explain BCK-1 payments"); err != nil {
		return err
	}
	runs, err := d.backups.runs(ctx)
	if err != nil {
		return err
	}
	shop := slices.DeleteFunc(slices.Clone(found), func(e episode) bool { return e.unit != "BCK-1 Namespace shop" })
	within := false
	if len(runs) > 0 && len(shop) > 0 {
		after := shop[0].began.Add(shop[0].lasted).Sub(runs[0].ended)
		within = after <= knownWithin
		d.note("the recovery point of shop was known %.1fs after the backup was complete, by Velero's clock of whole seconds", after.Seconds())
	}
	d.claim("the recovery points were known within seconds", true, within)
	d.claim("five of six conform: nothing but payments is left", []string{unitPayments}, open(of(found, "BCK-1")))
	d.claim("its backup completed without an error, and without the data of its volumes", true, hasRule(rulesOf(found, unitPayments), "BK-04"))
	return nil
}

func showPaused(ctx context.Context, d *demo) error {
	began := time.Now()
	if err := d.shells(ctx, pausePlan); err != nil {
		return err
	}
	found, err := d.awaitUnitsOf(ctx, "", func(found []episode) bool {
		paused := since(of(found, unitPlan), began)
		return len(paused) > 0 && len(open(paused)) == 0
	})
	if err != nil {
		return err
	}
	ended := since(of(found, unitPlan), began)
	if err := d.showEpisodes(ctx, ended); err != nil {
		return err
	}
	_, paused, _, err := d.backups.plan(ctx)
	if err != nil {
		return err
	}
	d.claim("the plan is not paused", false, paused)
	d.claim("the pause is one episode, repaired once", []string{"Drift → Repaired, repaired 1×"}, describeAll(ended))
	return nil
}

func showRestored(ctx context.Context, d *demo) error {
	var tests []ledger.Entry
	err := d.during("waiting until each namespace was restored: a sentinel needs a backup after it", func() error {
		return d.slowly(ctx, func(ctx context.Context) (bool, error) {
			entries, err := d.entriesSince(ctx, d.story.backup)
			tests = slices.DeleteFunc(kindsOf(entries, ledger.KindProbed), func(e ledger.Entry) bool { return e.Probe.Of != control.ProbeRestore })
			return len(tests) >= len(production), err
		})
	})
	if err != nil {
		return err
	}
	d.printf("\n")
	if err := d.shells(ctx, "kubectl holdfast entries $DEMO/ledger --kind Probed --since "+stamp(d.story.backup)+" | grep RestoreTest",
		"kubectl holdfast explain BCK-2 shop --ledger $DEMO/ledger"); err != nil {
		return err
	}
	left, err := d.scratch(ctx)
	if err != nil {
		return err
	}
	found, err := d.backupEpisodes(ctx)
	if err != nil {
		return err
	}
	var tested []string
	for _, e := range tests {
		tested = append(tested, e.Subject.Name)
	}
	slices.Sort(tested)
	d.claim("each namespace in scope was restored from, once", production, tested)
	d.claim("what came back is what was written", 0, len(open(of(found, "BCK-2"))))
	d.claim("nothing is left of the tests", 0, left)
	return nil
}

// scratch is the number of namespaces of restore tests that are there.
func (d *demo) scratch(ctx context.Context) (int, error) {
	left := 0
	err := d.slowly(ctx, func(ctx context.Context) (bool, error) {
		var list corev1.NamespaceList
		err := d.client.List(ctx, &list, client.HasLabels{control.RestoreTestLabel})
		left = len(list.Items)
		return left == 0, err
	})
	return left, err
}

// whyBackup lists the open episodes of the policy.
var whyBackup = strings.Replace(whyPlain, encryptionPolicy, backupPolicy, 1)

// backupEpisodes are those of the policy about backups.
func (d *demo) backupEpisodes(ctx context.Context) ([]episode, error) {
	entries, err := d.entriesSince(ctx, d.story.backup)
	return slices.DeleteFunc(episodesOf(entries), func(e episode) bool { return e.policy != backupPolicy }), err
}

// awaitUnitsOf waits until the episodes of the policy about backups are as wanted, for
// as long as Velero may take, and returns them. Where they do not become so the claims
// will say. It says what it waits for.
func (d *demo) awaitUnitsOf(ctx context.Context, what string, ok func([]episode) bool) ([]episode, error) {
	var found []episode
	look := func() error {
		return d.slowly(ctx, func(ctx context.Context) (done bool, err error) {
			found, err = d.backupEpisodes(ctx)
			return ok(found), err
		})
	}
	if what == "" {
		err := look()
		return found, err
	}
	err := d.during(what, look)
	return found, err
}

// slowly waits for what may take as long as Velero does. That it does not come is no
// error.
func (d *demo) slowly(ctx context.Context, ok wait.ConditionWithContextFunc) error {
	err := wait.PollUntilContextTimeout(ctx, slowPoll, velero.Patience, true, ok)
	if wait.Interrupted(err) && ctx.Err() == nil {
		return nil
	}
	return err
}

// of are the episodes of units that begin so.
func of(episodes []episode, unit string) []episode {
	return slices.DeleteFunc(slices.Clone(episodes), func(e episode) bool { return !strings.HasPrefix(e.unit, unit) })
}

// since are the episodes that began at t or later.
func since(episodes []episode, t time.Time) []episode {
	return slices.DeleteFunc(slices.Clone(episodes), func(e episode) bool { return e.began.Before(t) })
}

// began is whether each of the units had an episode.
func began(episodes []episode, units []string) bool {
	for _, unit := range units {
		if len(of(episodes, unit)) == 0 {
			return false
		}
	}
	return true
}

// hasRule is whether a rule is one of those that failed.
func hasRule(rules []string, rule string) bool {
	return slices.ContainsFunc(rules, func(r string) bool { return strings.HasPrefix(r, rule+" ") })
}

// endingsOf are how episodes ended, each once.
func endingsOf(episodes []episode) []string {
	var endings []string
	for _, e := range episodes {
		endings = append(endings, string(e.ending))
	}
	slices.Sort(endings)
	return slices.Compact(endings)
}
