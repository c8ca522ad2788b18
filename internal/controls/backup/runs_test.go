package backup

import (
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestRuns: the run of noon is the newest, the next is due at six in the evening, and
// overdue at nine.
func TestRuns(t *testing.T) {
	const culprit = "Schedule velero/" + ownPlan
	newest := func(edit func(*control.Backup)) []func(*scene) { return []func(*scene){newestIs(edit)} }
	older := func(by time.Duration) func(*scene) {
		return runsAre(func(b *control.Backup) { b.CreatedAt, b.StartedAt = b.CreatedAt.Add(-by), b.StartedAt.Add(-by) })
	}
	noRuns := func(s *scene) { s.Snapshot.Backups = nil }
	planMade := func(ago time.Duration) func(*scene) {
		return planIs(func(p *control.BackupPlan) { p.CreatedAt = now.Add(-ago) })
	}
	found(t, RuleRuns, inCluster, map[string]sceneCase{
		"on time":                              {want: "Conforming Running", until: 7 * hour},
		"newest goes on":                       {edits: newest(func(b *control.Backup) { b.Phase = "InProgress" }), want: "Conforming Running", until: 4 * hour},
		"newest is queued":                     {edits: newest(func(b *control.Backup) { b.Phase, b.StartedAt = "Queued", time.Time{} }), want: "Conforming Running", until: 4 * hour},
		"newest goes on, and is stuck":         {edits: []func(*scene){older(7 * hour), newestIs(func(b *control.Backup) { b.Phase = "InProgress" })}, want: "Deviating RunStuck: " + culprit, until: hour},
		"an older one goes on":                 {edits: []func(*scene){func(s *scene) { s.Snapshot.Backups[1].Phase = "" }}, want: "Conforming Running", until: hour},
		"an older one is stuck":                {edits: []func(*scene){func(s *scene) { s.Snapshot.Backups[1].Phase = "" }, older(hour)}, want: "Deviating RunStuck: " + culprit, until: hour},
		"the second before overdue":            {edits: []func(*scene){func(s *scene) { s.Now = now.Add(7*hour - time.Second) }}, want: "Conforming Running", until: 7 * hour},
		"overdue this second":                  {edits: []func(*scene){func(s *scene) { s.Now = now.Add(7 * hour) }}, want: "Deviating NoRun: " + culprit, until: 10 * hour},
		"failed":                               {edits: newest(func(b *control.Backup) { b.Phase, b.Failure = phaseFailed, "the store is gone" }), want: "Deviating RunFailed: " + culprit, until: 4 * hour},
		"failed validation":                    {edits: newest(func(b *control.Backup) { b.Phase, b.StartedAt = phaseFailedValidation, time.Time{} }), want: "Deviating RunFailed: " + culprit, until: 4 * hour},
		"failed partially":                     {edits: newest(func(b *control.Backup) { b.Phase = phasePartiallyFailed }), want: "Deviating RunFailed: " + culprit, until: 4 * hour},
		"failed partially, counted":            {edits: append(newest(func(b *control.Backup) { b.Phase = phasePartiallyFailed }), states(func(b *v1alpha1.Backup) { b.Velero.PartiallyFailed = v1alpha1.PartiallyFailedCounted })), want: "Conforming Running", until: 7 * hour},
		"an older one failed":                  {edits: []func(*scene){func(s *scene) { s.Snapshot.Backups[1].Phase = phaseFailed }}, want: "Conforming Running", until: 7 * hour},
		"newest being deleted":                 {edits: newest(func(b *control.Backup) { b.Phase = "Deleting" }), want: "Deviating RunFailed: " + culprit, until: 4 * hour},
		"completed too long ago":               {edits: []func(*scene){missed}, want: "Deviating ObjectiveMissed: " + culprit, until: hour},
		"all failed":                           {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Phase = phaseFailed })}, want: "Deviating RunFailed: " + culprit, until: hour},
		"no run, and no plan":                  {edits: []func(*scene){noRuns, noPlan}, want: "Deviating NoRun: " + culprit},
		"runs, and no plan":                    {edits: []func(*scene){noPlan}, want: "Conforming Running", until: 7 * hour},
		"no run yet":                           {edits: []func(*scene){noRuns, planMade(hour)}, want: "NotApplicable NoneDue", until: 7 * hour},
		"no run of a plan of last month":       {edits: []func(*scene){noRuns}, want: "Deviating NoRun: " + culprit, until: hour},
		"the first run goes on":                {edits: []func(*scene){func(s *scene) { s.Snapshot.Backups = s.Snapshot.Backups[:1] }, newestIs(func(b *control.Backup) { b.Phase = "InProgress" }), planMade(3 * hour)}, want: "NotApplicable NoneDue", until: 7 * hour},
		"of another plan":                      {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Plan = "weekly" })}, want: "Deviating NoRun: " + culprit, until: hour},
		"of another cluster":                   {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Cluster = control.BackupOfAnother })}, want: "Deviating NoRun: " + culprit, until: hour},
		"of another Velero":                    {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Namespace = "elsewhere" })}, want: "Deviating NoRun: " + culprit, until: hour},
		"found in the store, and created anew": {edits: []func(*scene){runsAre(func(b *control.Backup) { b.CreatedAt = now })}, want: "Conforming Running", until: 7 * hour},
		"a second early":                       {edits: newest(func(b *control.Backup) { b.CreatedAt = b.CreatedAt.Add(-time.Second) }), want: "Conforming Running", until: 7 * hour},
		"each minute, ten late":                {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.Schedule = "* * * * *" }), func(s *scene) { s.planned(); s.run(30 * time.Second) }}, want: "Conforming Running", until: 10 * time.Minute},
		"the user's own":                       {edits: []func(*scene){theirs()}, want: "Conforming Running", until: 7 * hour},
		"unreadable schedule":                  {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.TimeZone = "No/Where" }), func(s *scene) { s.planned() }}, want: "NotEvaluated Failed"},
		"one was started besides": {edits: []func(*scene){missed, func(s *scene) {
			b := &s.Snapshot.Backups[s.run(30*time.Minute).i]
			b.Name, b.Plan = ownPlan+"-extra-29540970", ""
		}}, want: "Conforming Running", until: hour / 2},
		"somebody's own backup does not count": {edits: []func(*scene){missed, func(s *scene) {
			s.Snapshot.Backups[s.run(30*time.Minute).i].Plan = ""
		}}, want: "Deviating ObjectiveMissed: " + culprit, until: hour},
		"not installed":      {edits: []func(*scene){notServed(kindBackups, kindSchedules)}, want: "Deviating ProviderNotInstalled: " + kindBackups + ", " + kindSchedules},
		"runs not observed":  {edits: []func(*scene){without(control.NeedBackups, control.ReasonForbidden)}, want: "NotEvaluated Forbidden"},
		"plans not observed": {edits: []func(*scene){without(control.NeedBackupPlans, control.ReasonFailed)}, want: "NotEvaluated Failed"},
	})
}

func TestLocation(t *testing.T) {
	const culprit = "BackupStorageLocation velero/default"
	location := func(edit func(*control.BackupLocation)) []func(*scene) { return []func(*scene){locationIs(edit)} }
	every := func(d time.Duration) func(*control.BackupLocation) {
		return func(l *control.BackupLocation) { l.Every = &d }
	}
	found(t, RuleLocation, inCluster, map[string]sceneCase{
		"available":                    {want: "Conforming Available", until: 150 * time.Second},
		"unavailable":                  {edits: location(func(l *control.BackupLocation) { l.Phase, l.Message = "Unavailable", "dial tcp: refused." }), want: "Deviating LocationUnavailable: " + culprit + ": is Unavailable"},
		"not looked at":                {edits: location(func(l *control.BackupLocation) { l.Phase, l.ValidatedAt = "", time.Time{} }), want: "Deviating LocationUnavailable: " + culprit + ": is not looked at yet"},
		"looked at a moment too late":  {edits: location(func(l *control.BackupLocation) { l.ValidatedAt = now.Add(-180*time.Second + 1) }), want: "Conforming Available", until: 1},
		"not looked at for long":       {edits: location(func(l *control.BackupLocation) { l.ValidatedAt = now.Add(-180 * time.Second) }), want: "Deviating ValidationStale: " + culprit + ": was not looked at by Velero for 3m0s"},
		"each hour":                    {edits: location(every(hour)), want: "Conforming Available", until: 3*hour - 30*time.Second},
		"oftener than Velero looks":    {edits: append(location(every(time.Second)), locationIs(func(l *control.BackupLocation) { l.ValidatedAt = now.Add(-29 * time.Second) })), want: "Conforming Available", until: time.Second},
		"never":                        {edits: location(every(0)), want: "Deviating NeverValidated: " + culprit + ": is never looked at by Velero: its validationFrequency is 0"},
		"read-only":                    {edits: location(func(l *control.BackupLocation) { l.AccessMode = "ReadOnly" }), want: "Deviating LocationReadOnly: " + culprit + ": is read-only"},
		"read-write":                   {edits: location(func(l *control.BackupLocation) { l.AccessMode = "ReadWrite" }), want: "Conforming Available", until: 150 * time.Second},
		"none":                         {edits: []func(*scene){func(s *scene) { s.Snapshot.BackupLocations = nil }}, want: "Deviating LocationMissing: " + culprit},
		"not the default, by its name": {edits: location(func(l *control.BackupLocation) { l.Default = false }), want: "Conforming Available", until: 150 * time.Second},
		"the default, by its mark":     {edits: location(func(l *control.BackupLocation) { l.Name = "vault" }), want: "Conforming Available", until: 150 * time.Second},
		"of another Velero":            {edits: location(func(l *control.BackupLocation) { l.Namespace = "elsewhere" }), want: "Deviating LocationMissing: " + culprit},
		"another stated":               {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.Velero.StorageLocation = "vault" })}, want: "Deviating LocationMissing: BackupStorageLocation velero/vault"},
		"another, by the user's plan":  {edits: []func(*scene){theirs(func(_, template map[string]any) { template["storageLocation"] = "vault" })}, want: "Deviating LocationMissing: BackupStorageLocation velero/vault"},
		"not installed":                {edits: []func(*scene){notServed(kindLocations)}, want: "Deviating ProviderNotInstalled: " + kindLocations},
		"not observed":                 {edits: []func(*scene){without(control.NeedBackupLocations, control.ReasonForbidden)}, want: "NotEvaluated Forbidden"},
		"read-only, and unavailable": {edits: append(location(func(l *control.BackupLocation) { l.AccessMode = "ReadOnly" }), locationIs(func(l *control.BackupLocation) { l.Phase = "Unavailable" })),
			want: "Deviating LocationReadOnly: " + culprit + ": is Unavailable, " + culprit + ": is read-only"},
	})
}

func TestEncryption(t *testing.T) {
	const culprit, year = "BackupStorageLocation velero/default", 365 * 24 * time.Hour
	config := func(key, value string) func(*scene) {
		return locationIs(func(l *control.BackupLocation) { l.Config[key] = value })
	}
	unattested := states(func(b *v1alpha1.Backup) { b.Velero.Attestations = nil })
	expired := states(func(b *v1alpha1.Backup) { b.Velero.Attestations[0].ValidUntil.Time = now })
	password := func(p control.RepositoryPassword) func(*scene) { return seen(control.Observation{Password: &p}) }
	found(t, RuleEncrypted, inCluster, map[string]sceneCase{
		"attested":                      {want: "Conforming Attested", until: year},
		"attested, until now":           {edits: []func(*scene){expired}, want: "Deviating AttestationExpired: " + culprit},
		"asked for":                     {edits: []func(*scene){unattested, config("serverSideEncryption", "aws:kms")}, want: "Conforming Encrypted"},
		"asked for, attestation over":   {edits: []func(*scene){expired, config("kmsKeyId", "alias/backups")}, want: "Conforming Encrypted"},
		"asked for with one's own key":  {edits: []func(*scene){unattested, config("customerKeyEncryptionSecret", "keys/backups")}, want: "Conforming Encrypted"},
		"asked for by another's key":    {edits: []func(*scene){unattested, config("kmsKeyName", "k")}, want: "NotEvaluated NotTestable"},
		"asked for of Google":           {edits: []func(*scene){unattested, config("kmsKeyName", "k"), locationIs(func(l *control.BackupLocation) { l.Provider = "gcp" })}, want: "Conforming Encrypted"},
		"nothing shown":                 {edits: []func(*scene){unattested}, want: "NotEvaluated NotTestable"},
		"nothing shown, of nobody":      {edits: []func(*scene){unattested, locationIs(func(l *control.BackupLocation) { l.Provider = "" })}, want: "NotEvaluated NotTestable"},
		"another location attested":     {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.Velero.Attestations[0].Location = "vault" })}, want: "NotEvaluated NotTestable"},
		"in the clear":                  {edits: []func(*scene){config("s3Url", "HTTP://s3.example.com")}, want: "Deviating PlainHTTP: " + culprit, until: year},
		"not verified":                  {edits: []func(*scene){config("insecureSkipTLSVerify", "true")}, want: "Deviating CertificateNotVerified: " + culprit, until: year},
		"verified, and said so":         {edits: []func(*scene){config("insecureSkipTLSVerify", "false")}, want: "Conforming Attested", until: year},
		"verified or not, who knows":    {edits: []func(*scene){config("insecureSkipTLSVerify", "maybe")}, want: "Deviating CertificateNotVerified: " + culprit, until: year},
		"in the clear, and expired":     {edits: []func(*scene){config("s3Url", "http://s3.example.com"), expired}, want: "Deviating PlainHTTP: " + culprit},
		"no location":                   {edits: []func(*scene){func(s *scene) { s.Snapshot.BackupLocations = nil }}, want: "Deviating LocationMissing: " + culprit},
		"password of one's own":         {edits: []func(*scene){copying, password(control.RepositoryPassword{})}, want: "Conforming Attested", until: 29 * time.Minute},
		"password of Velero's":          {edits: []func(*scene){copying, password(control.RepositoryPassword{WellKnown: true})}, want: "Deviating PasswordKnown: Secret velero/velero-repo-credentials", until: 29 * time.Minute},
		"password to be made":           {edits: []func(*scene){copying, password(control.RepositoryPassword{Missing: true})}, want: "Deviating PasswordKnown: Secret velero/velero-repo-credentials", until: 29 * time.Minute},
		"password not looked at":        {edits: []func(*scene){copying, without(control.NeedProbes, control.ReasonInconclusive)}, want: "NotEvaluated Inconclusive", until: year},
		"password not looked at yet":    {edits: []func(*scene){copying}, want: "NotEvaluated Inconclusive", until: year},
		"password may not be read":      {edits: []func(*scene){copying, seen(control.Observation{Reason: control.ReasonForbidden, Message: "It may not be read."})}, want: "NotEvaluated Forbidden", until: 29 * time.Minute},
		"password seen long ago":        {edits: []func(*scene){copying, password(control.RepositoryPassword{}), func(s *scene) { s.Snapshot.Observations[0].ValidUntil = now }}, want: "NotEvaluated Inconclusive", until: year},
		"password of another Velero":    {edits: []func(*scene){copying, password(control.RepositoryPassword{}), func(s *scene) { s.Snapshot.Observations[0].Repository.VeleroNamespace = "elsewhere" }}, want: "NotEvaluated Inconclusive", until: year},
		"password, without repository":  {edits: []func(*scene){password(control.RepositoryPassword{WellKnown: true})}, want: "Conforming Attested", until: year},
		"password, by the user's plan":  {edits: []func(*scene){theirs(func(_, template map[string]any) { template["snapshotMoveData"] = true }), password(control.RepositoryPassword{WellKnown: true})}, want: "Deviating PasswordKnown: Secret velero/velero-repo-credentials", until: 29 * time.Minute},
		"password, by the server's way": {edits: []func(*scene){theirs(), newestIs(func(b *control.Backup) { b.Filters = &control.BackupFilters{DefaultVolumesToFsBackup: new(true)} }), password(control.RepositoryPassword{WellKnown: true})}, want: "Deviating PasswordKnown: Secret velero/velero-repo-credentials", until: 29 * time.Minute},
		"not installed":                 {edits: []func(*scene){notServed(kindLocations)}, want: "Deviating ProviderNotInstalled: " + kindLocations},
		"not observed":                  {edits: []func(*scene){without(control.NeedBackupLocations, control.ReasonForbidden)}, want: "NotEvaluated Forbidden"},
	})
}

// TestTargets: the password is looked at where the plan copies volumes.
func TestTargets(t *testing.T) {
	cases := map[string]struct {
		base  func() *scene
		edits []func(*scene)
		want  int
	}{
		"snapshots":       {base: inCluster},
		"file systems":    {base: inCluster, edits: []func(*scene){copying}, want: 1},
		"no plan yet":     {base: inCluster, edits: []func(*scene){copying, noPlan}, want: 1},
		"the user's own":  {base: inCluster, edits: []func(*scene){theirs(func(_, template map[string]any) { template["defaultVolumesToFsBackup"] = true })}, want: 1},
		"not installed":   {base: inCluster, edits: []func(*scene){copying, notServed(kindSchedules)}},
		"in a namespace":  {base: inWeb, edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.Velero.VolumeMethod = v1alpha1.VolumesByFileSystem })}},
		"VolumeSnapshots": {base: inSnapshots},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			targets := Control{}.Targets(tc.base().with(tc.edits...).Input)
			if len(targets) != tc.want {
				t.Fatalf("%d targets, want %d: %+v", len(targets), tc.want, targets)
			}
			for _, target := range targets {
				if target.Kind() != control.ProbeRepository || target.Repository.VeleroNamespace != "velero" || target.Every != passwordEvery {
					t.Errorf("target %+v", target)
				}
			}
		})
	}
}
