package synthetic

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// velero is what there is of Velero.
type velero struct {
	schedule control.BackupPlan
	store    control.BackupLocation
	// all are all backups that ever were, by when they were begun.
	all []control.Backup
	// down is whether its server does not run, away whether the object store does not
	// answer; frozen is when it last looked at that, while it is down.
	down, away bool
	frozen     time.Time
	// skip, late, lasts and phase are of the next run alone.
	skip  bool
	late  time.Duration
	lasts time.Duration
	phase string
	// owed is whether a slot passed while it could not run.
	owed bool
	// running is until when a run goes on.
	running time.Time
	chances dice
}

// The phases of a Backup that happen here.
const (
	phaseInProgress       = "InProgress"
	phaseCompleted        = "Completed"
	phasePartiallyFailed  = "PartiallyFailed"
	phaseFailed           = "Failed"
	phaseFailedValidation = "FailedValidation"
)

// install puts Velero into the cluster, with a plan of the platform team's own.
func (v *velero) install(created time.Time, clusterUID string, d dice) {
	v.chances = d
	v.schedule = control.BackupPlan{Meta: control.Meta{Namespace: veleroNamespace, Name: backupPlan, UID: d.uid(), CreatedAt: created}, Phase: "Enabled",
		Spec: map[string]any{"schedule": "0 */6 * * *", "template": map[string]any{
			"ttl": "720h0m0s", "includedNamespaces": []any{"*"}, "storageLocation": backupLocation,
			"metadata": map[string]any{"labels": map[string]any{control.ClusterLabel: clusterUID}}}}}
	hourly := time.Hour
	v.store = control.BackupLocation{Meta: control.Meta{Namespace: veleroNamespace, Name: backupLocation, UID: d.uid(), CreatedAt: created},
		Provider: "velero.io/aws", Bucket: "backups", Prefix: "production", Default: true, Phase: "Available", Every: &hourly,
		Config: map[string]string{"region": "eu-central-1", "s3Url": "https://s3.example.com", "kmsKeyId": "alias/backups"}}
}

// begun adds a backup that begins at a time, and returns its place.
func (v *velero) begun(at time.Time, plan string) int {
	name := fmt.Sprintf("%s-%s", cmp.Or(plan, "by-hand"), at.UTC().Format("20060102150405"))
	at = at.Truncate(time.Second)
	b := control.Backup{Meta: control.Meta{Namespace: veleroNamespace, Name: name, UID: v.chances.uid(), CreatedAt: at}, Plan: plan,
		Cluster: control.BackupOfThisCluster, Location: backupLocation, Phase: phaseInProgress, StartedAt: at, TTL: backupRetention,
		ExpiresAt: at.Add(backupRetention), Filters: &control.BackupFilters{IncludedNamespaces: []string{"*"}}}
	if v.away {
		b.Phase, b.StartedAt = phaseFailedValidation, time.Time{}
		b.Failure = "backup can't be created because BackupStorageLocation default is in Unavailable status"
	}
	v.all = append(v.all, b)
	return len(v.all) - 1
}

// ended has a backup end in a phase.
func (v *velero) ended(i int, at time.Time, phase string) {
	b := &v.all[i]
	b.Phase, b.CompletedAt = phase, at.Truncate(time.Second)
	switch phase {
	case phasePartiallyFailed:
		b.Errors = 1
	case phaseFailed:
		b.Failure = "found a backup with status InProgress during the server starting, mark it as Failed"
	}
}

// there are the backups that Velero has at a time, newest first: those that expired
// are gone.
func (v *velero) there(at time.Time) []control.Backup {
	var list []control.Backup
	for _, b := range slices.Backward(v.all) {
		if b.ExpiresAt.After(at) {
			list = append(list, b)
		}
	}
	return list
}

// location is the location as Velero last saw it.
func (v *velero) location(at time.Time) control.BackupLocation {
	l := v.store
	l.ValidatedAt = at.Truncate(time.Hour)
	if v.down {
		l.ValidatedAt = v.frozen
	}
	if v.away && !v.down {
		l.Phase, l.Message = "Unavailable", "rpc error: code = Unknown desc = dial tcp: connect: connection refused"
	}
	return l
}

// paused is whether the plan is.
func (v *velero) paused() bool {
	paused, _ := v.schedule.Spec["paused"].(bool)
	return paused
}

// due is a slot of the plan.
func (s *backupStory) due() error {
	switch {
	case s.skip:
		s.skip = false
		return nil
	case s.down || s.paused():
		s.owed = true
		return nil
	case s.running.After(s.now):
		s.agenda.put(s.running.Add(s.dice.between(2*time.Second, 50*time.Second)), s.begins)
		return nil
	case s.late > 0:
		s.agenda.put(s.now.Add(s.late), s.begins)
		s.late = 0
		return nil
	}
	return s.begins()
}

// begins has a run of the plan begin.
func (s *backupStory) begins() error { return s.backUp(backupPlan) }

// backUp has a backup begin, of a plan or of none.
func (s *backupStory) backUp(plan string) error {
	s.owed = false
	i := s.begun(s.now, plan)
	if s.all[i].Phase == phaseFailedValidation {
		return s.look()
	}
	lasts, phase := s.dice.between(2*time.Minute, 9*time.Minute), phaseCompleted
	switch chance := s.dice.IntN(160); {
	case chance < 2:
		phase = phaseFailed
	case chance < 4:
		phase = phasePartiallyFailed
	}
	if s.lasts > 0 {
		lasts, phase, s.lasts = s.lasts, phaseCompleted, 0
	}
	if s.phase != "" {
		phase, s.phase = s.phase, ""
	}
	s.running = s.now.Add(lasts)
	s.agenda.put(s.running, s.seen(func() { s.ended(i, s.now, phase) }))
	return s.look()
}

// busy has the next run begin later, drags has it last, and fails has it end so.
func (s *backupStory) busy(d time.Duration) func()  { return func() { s.late = d } }
func (s *backupStory) drags(d time.Duration) func() { return func() { s.lasts = d } }
func (s *backupStory) fails(phase string) func()    { return func() { s.phase = phase } }
func (s *backupStory) skips()                       { s.skip = true }

// byHand has somebody begin a backup.
func (s *backupStory) byHand() {
	s.agenda.put(s.now.Add(time.Second), func() error { return s.backUp("") })
}

func (s *backupStory) storeAway(away bool) func() { return func() { s.away = away } }

func (s *backupStory) stopVelero() { s.down, s.frozen = true, s.now.Truncate(time.Hour) }

// startVelero has Velero be back: what it owes it begins at once.
func (s *backupStory) startVelero() {
	s.down = false
	s.makeUpFor()
}

func (s *backupStory) makeUpFor() {
	if s.owed {
		s.agenda.put(s.now.Add(s.dice.between(20*time.Second, time.Minute)), s.begins)
	}
}

// pause pauses the plan, or lets it go on.
func (s *backupStory) pause(paused bool) func() {
	return func() {
		spec := map[string]any{"schedule": s.schedule.Spec["schedule"], "template": s.schedule.Spec["template"]}
		if paused {
			spec["paused"] = true
			s.history.Paused = append(s.history.Paused, Interval{From: s.now})
		} else {
			s.history.Paused[len(s.history.Paused)-1].To = s.now
			s.makeUpFor()
		}
		s.schedule.Spec = spec
	}
}
