package synthetic

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// BackupOptions say what past of backups to generate. Zero values stand for the
// defaults.
type BackupOptions struct {
	// Seed decides everything that chance decides, ids and keys included.
	Seed uint64
	// Start is the first moment (default 2026-01-01T00:00:00Z), Duration how long
	// it lasts (default 90 days; at least 80, in which everything happens).
	Start    time.Time
	Duration time.Duration
}

// The names of what a past of backups is about.
const (
	BackupPolicy   = "resilience"
	BackupControl  = "BCK-1"
	RestoreControl = "BCK-2"
)

const (
	backupEvery      = 6 * time.Hour
	backupObjective  = 12 * time.Hour
	backupRetention  = 720 * time.Hour
	restoreEvery     = 168 * time.Hour
	backupPlan       = "nightly"
	veleroNamespace  = "velero"
	backupLocation   = "default"
	backupDeadline   = 10 * time.Minute
	backupHeartbeats = 6 * time.Hour
)

// BackupHistory is what really happened, whether or not the operator saw it.
type BackupHistory struct {
	// Introduced is when the controls were introduced. Slots before are none.
	Introduced time.Time
	// Runs are all backups, by when they were begun.
	Runs []control.Backup
	// Paused are the intervals in which the plan was, Blind those in which no
	// operator ran.
	Paused, Blind []Interval
	// Restores are the restore tests, by what came of them: Restored, Failed or NotMade.
	Restores map[string]int
	// VerifierKey is the ledger's, Held its last checkpoint.
	VerifierKey string
	Held        []byte
	Start, End  time.Time
}

// backupStory is a past of backups that is being made: a quarter of a cluster whose
// namespaces Velero backs up every six hours.
type backupStory struct {
	velero
	pen
	ctx    context.Context //nolint:containedctx // one call of WriteBackups is one story
	dir    string
	opts   BackupOptions
	agenda agenda
	end    time.Time

	def        *assess.Definition
	cluster    control.Namespace
	namespaces []control.Namespace
	// observed are the newest restore tests, by namespace.
	observed map[string]control.Observation
	tests    int

	dice   dice
	key    ed25519.PrivateKey
	up     bool
	starts int
	proof  time.Time
	// wake is when the next pass is to be made because of the time alone.
	wake    time.Time
	history *BackupHistory
}

// WriteBackups generates a past of backups in an empty directory: a ledger. The same
// options give the same entries. As in Write, only the cluster and the clock are made
// up.
func WriteBackups(ctx context.Context, dir string, opts BackupOptions) (*BackupHistory, error) {
	setDefault(&opts.Start, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	setDefault(&opts.Duration, 90*day)
	if opts.Duration < 80*day {
		return nil, fmt.Errorf("a past of backups of %s: at least 80 days are needed", opts.Duration)
	}
	s := &backupStory{pen: pen{now: opts.Start, epoch: 1}, ctx: ctx, dir: dir, opts: opts, end: opts.Start.Add(opts.Duration), dice: newDice(opts.Seed, "backups"),
		key: newDice(opts.Seed, "backup keys").key(), observed: map[string]control.Observation{},
		history: &BackupHistory{Restores: map[string]int{}, Start: opts.Start, End: opts.Start.Add(opts.Duration)}}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	err := s.run()
	if s.w != nil {
		err = errors.Join(err, s.keep(), s.w.Close(ctx))
	}
	s.history.Runs = s.all
	return s.history, err
}

func (s *backupStory) prepare() error {
	created := s.opts.Start.Add(-40 * day)
	s.cluster = control.ClusterNamespace(s.dice.uid(), created)
	for _, name := range []string{"billing", "checkout", "ledger", "shop"} {
		s.namespaces = append(s.namespaces, control.Namespace{Name: name, UID: s.dice.uid(), CreatedAt: created, Labels: map[string]string{tierLabel: production}})
	}
	s.install(created, s.cluster.UID, s.dice)
	def, err := assess.Define(&v1alpha1.ControlPolicy{ObjectMeta: metav1.ObjectMeta{Name: BackupPolicy, UID: types.UID(s.dice.uid()), Generation: 1}, Spec: resilienceSpec()})
	if err != nil {
		return err
	}
	if s.def = def; def.Invalid != "" {
		return errors.New(def.Invalid)
	}
	s.plan()
	return nil
}

// resilienceSpec is the policy.
func resilienceSpec() v1alpha1.ControlPolicySpec {
	return v1alpha1.ControlPolicySpec{
		Description: "Namespaces that hold customer data can be brought back",
		Mode:        v1alpha1.ModeObserve,
		Scope:       v1alpha1.Scope{NamespaceSelector: selecting(production), BuiltinExclusions: builtinExclusions(), Cluster: v1alpha1.ClusterIncluded},
		Controls: []v1alpha1.ControlSpec{{
			ID: BackupControl, Statement: "Production namespaces are backed up every six hours, and the newest usable backup is at most twelve hours old.",
			Owner: "platform-team", Criteria: []v1alpha1.Criterion{"A1.2", "CC7.5"}, Priority: v1alpha1.PriorityHigh,
			Backup: &v1alpha1.Backup{Provider: v1alpha1.BackupByVelero, Schedule: "0 */6 * * *", TimeZone: "Etc/UTC",
				StartingDeadline:       &metav1.Duration{Duration: backupDeadline},
				RecoveryPointObjective: metav1.Duration{Duration: backupObjective}, Retention: &metav1.Duration{Duration: backupRetention},
				Volumes: v1alpha1.VolumesIgnored, Velero: &v1alpha1.VeleroBackup{Namespace: veleroNamespace, Plan: backupPlan}},
		}, {
			ID: RestoreControl, Statement: "A sentinel of every production namespace is restored once a week.",
			Owner: "platform-team", Criteria: []v1alpha1.Criterion{"A1.3"}, Priority: v1alpha1.PriorityHigh,
			RestoreTest: &v1alpha1.RestoreTest{BackupControl: BackupControl, Every: metav1.Duration{Duration: restoreEvery}},
		}},
	}
}

// run makes everything happen, in order.
func (s *backupStory) run() error {
	for {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		e, ok := s.agenda.next(s.end)
		if !ok {
			s.now = s.end
			return s.beat()
		}
		s.now = e.at
		if err := e.do(); err != nil {
			return err
		}
	}
}

func (s *backupStory) keep() error {
	checkpoint, _, err := s.w.Checkpoint()
	s.history.Held, s.history.VerifierKey = checkpoint, s.w.VerifierKey()
	return err
}
