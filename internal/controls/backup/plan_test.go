package backup

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestOwnPlan(t *testing.T) {
	const plan = "Schedule velero/" + ownPlan
	inSpec := func(key string, value any) func(*scene) {
		return planIs(func(p *control.BackupPlan) { p.Spec[key] = value })
	}
	inTemplate := func(key string, value any) func(*scene) {
		return planIs(func(p *control.BackupPlan) { mapOf(p.Spec, "template")[key] = value })
	}
	found(t, RulePlan, inCluster, map[string]sceneCase{
		"as wanted":                 {want: "Conforming Planned"},
		"with what Velero writes":   {edits: []func(*scene){inSpec(skipField, true)}, want: "Conforming Planned"},
		"none":                      {edits: []func(*scene){noPlan}, want: "Deviating PlanMissing: " + plan},
		"in another namespace":      {edits: []func(*scene){planIs(func(p *control.BackupPlan) { p.Namespace = "elsewhere" })}, want: "Deviating PlanMissing: " + plan},
		"paused":                    {edits: []func(*scene){inSpec("paused", true)}, want: "Deviating PlanPaused: " + plan + ": is paused"},
		"refused":                   {edits: []func(*scene){planIs(func(p *control.BackupPlan) { p.Phase, p.Errors = phaseRefused, []string{"invalid schedule: no."} })}, want: "Deviating PlanRefused: " + plan + ": is refused by Velero"},
		"not taken up":              {edits: []func(*scene){planIs(func(p *control.BackupPlan) { p.Phase = "" })}, want: "Deviating PlanNotEnabled: " + plan + ": is not enabled: Velero has not taken it up"},
		"another schedule":          {edits: []func(*scene){inSpec("schedule", "0 0 * * *")}, want: "Deviating PlanDiffers: " + plan + ": is not as declared in spec.schedule"},
		"a selector":                {edits: []func(*scene){inTemplate("labelSelector", map[string]any{"matchLabels": map[string]any{"a": "b"}})}, want: "Deviating PlanDiffers: " + plan + ": is not as declared in spec.template.labelSelector"},
		"a namespace excluded":      {edits: []func(*scene){inTemplate("excludedNamespaces", []any{"web"})}, want: "Deviating PlanDiffers: " + plan + ": is not as declared in spec.template.excludedNamespaces"},
		"an empty list dropped":     {edits: []func(*scene){planIs(func(p *control.BackupPlan) { delete(mapOf(p.Spec, "template"), "excludedNamespaces") })}, want: "Conforming Planned"},
		"a flag dropped":            {edits: []func(*scene){planIs(func(p *control.BackupPlan) { delete(mapOf(p.Spec, "template"), "snapshotMoveData") })}, want: "Deviating PlanDiffers: " + plan + ": is not as declared in spec.template.snapshotMoveData"},
		"unlabelled":                {edits: []func(*scene){inTemplate("metadata", map[string]any{})}, want: "Deviating PlanDiffers: " + plan + ": is not as declared in spec.template.metadata.labels"},
		"kept for longer":           {edits: []func(*scene){inTemplate("ttl", "2000h0m0s")}, want: "Conforming Planned"},
		"kept for less":             {edits: []func(*scene){inTemplate("ttl", "1h0m0s")}, want: "Deviating PlanDiffers: " + plan + ": is not as declared in spec.template.ttl"},
		"not installed":             {edits: []func(*scene){notServed(kindSchedules), noPlan}, want: "Deviating ProviderNotInstalled: " + kindSchedules},
		"not observed":              {edits: []func(*scene){without(control.NeedBackupPlans, control.ReasonForbidden)}, want: "NotEvaluated Forbidden"},
		"in a zone":                 {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.TimeZone = "Europe/Berlin" }), func(s *scene) { s.planned() }}, want: "Conforming Planned"},
		"declared for another zone": {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.TimeZone = "Europe/Berlin" })}, want: "Deviating PlanDiffers: " + plan + ": is not as declared in spec.schedule"},
		"two things": {edits: []func(*scene){inSpec("paused", true), inSpec("schedule", "0 0 * * *")},
			want: "Deviating PlanPaused: " + plan + ": is not as declared in spec.schedule, " + plan + ": is paused"},
	})
}

func TestTheirPlan(t *testing.T) {
	const plan = "Schedule velero/nightly"
	at := func(schedule string) func(*scene) {
		return theirs(func(spec, _ map[string]any) { spec["schedule"] = schedule })
	}
	with := func(key string, value any) func(*scene) {
		return theirs(func(_, template map[string]any) { template[key] = value })
	}
	const sparser = "Deviating PlanSparser: " + plan + `: does not run for each slot of "0 */6 * * *" in Etc/UTC`
	found(t, RulePlan, inCluster, map[string]sceneCase{
		"as declared":                   {edits: []func(*scene){theirs()}, want: "Conforming Planned"},
		"as declared, with its zone":    {edits: []func(*scene){at("CRON_TZ=UTC 0 0,6,12,18 * * *")}, want: "Conforming Planned"},
		"oftener":                       {edits: []func(*scene){at("@hourly")}, want: "Conforming Planned"},
		"later, within what is allowed": {edits: []func(*scene){at("10 */6 * * *")}, want: "Conforming Planned"},
		"later than is allowed":         {edits: []func(*scene){at("11 */6 * * *")}, want: sparser},
		"allowed later":                 {edits: []func(*scene){at("11 */6 * * *"), states(func(b *v1alpha1.Backup) { b.StartingDeadline = &metav1.Duration{Duration: time.Hour} })}, want: "Conforming Planned"},
		"sparser":                       {edits: []func(*scene){at("0 */12 * * *")}, want: sparser},
		"not on Sundays":                {edits: []func(*scene){at("0 */6 * * 1-6")}, want: sparser},
		"in another zone":               {edits: []func(*scene){at("CRON_TZ=Asia/Kolkata 0 */6 * * *")}, want: sparser},
		"in another zone, as often":     {edits: []func(*scene){at("CRON_TZ=Asia/Kolkata 30 5,11,17,23 * * *")}, want: "Conforming Planned"},
		"at intervals":                  {edits: []func(*scene){at("@every 6h")}, want: sparser},
		"unreadable":                    {edits: []func(*scene){at("now and then")}, want: "Deviating PlanSparser: " + plan + ": has a schedule that cannot be read"},
		"unlabelled": {edits: []func(*scene){with("metadata", map[string]any{"labels": map[string]any{"team": "a"}})},
			want: "Deviating ClusterUnlabelled: " + plan + ": does not label its backups"},
		"labelled with another": {edits: []func(*scene){with("metadata", map[string]any{"labels": map[string]any{control.ClusterLabel: "other"}})}, want: "Deviating ClusterUnlabelled: " + plan + ": does not label its backups"},
		"another location":      {edits: []func(*scene){theirs(), states(func(b *v1alpha1.Backup) { b.Velero.StorageLocation = "vault" })}, want: "Deviating OtherLocation: " + plan + ": does not use the BackupStorageLocation vault"},
		"without secrets":       {edits: []func(*scene){with("excludedNamespaceScopedResources", []any{"secrets"})}, want: "Deviating PlanPartial: " + plan + ": leaves out secrets"},
		"by labels":             {edits: []func(*scene){with("labelSelector", map[string]any{"matchLabels": map[string]any{"a": "b"}})}, want: "Deviating PlanPartial: " + plan + ": holds only what its label selector matches"},
		"of one namespace":      {edits: []func(*scene){with("includedNamespaces", []any{"web"})}, want: "Conforming Planned"},
		"without a declared namespace": {edits: []func(*scene){with("includedNamespaces", []any{"web"}), states(func(b *v1alpha1.Backup) { b.Velero.IncludedNamespaces = []string{"sh*", "shop", "web"} })},
			want: "Deviating PlanPartial: " + plan + ": leaves out the namespace shop"},
		"contradicts itself":     {edits: []func(*scene){with("includedNamespaces", []any{"*", "web"})}, want: "Deviating PlanRefused: " + plan + ": contradicts itself in the namespaces that it states"},
		"of no known form":       {edits: []func(*scene){with("includedNamespaces", "web")}, want: "Deviating PlanPartial: " + plan + ": does not say what it holds"},
		"with a resource policy": {edits: []func(*scene){with("resourcePolicy", map[string]any{"kind": "configmap", "name": "skips"})}, want: "Conforming Planned"},
		"paused":                 {edits: []func(*scene){theirs(func(spec, _ map[string]any) { spec["paused"] = true })}, want: "Deviating PlanPaused: " + plan + ": is paused"},
		"none":                   {edits: []func(*scene){theirs(), noPlan}, want: "Deviating PlanMissing: " + plan},
	})
}

func TestRetention(t *testing.T) {
	const short, long = "Deviating RetentionTooShort: Schedule velero/nightly: ttl", "Deviating RetentionTooLong: Schedule velero/nightly: ttl"
	ttl := func(value any) func(*scene) {
		return theirs(func(_, template map[string]any) {
			if template["ttl"] = value; value == nil {
				delete(template, "ttl")
			}
		})
	}
	bounds := func(least, most time.Duration) func(*scene) {
		return states(func(b *v1alpha1.Backup) {
			b.Retention, b.MaximumRetention = nil, nil
			if least > 0 {
				b.Retention = &metav1.Duration{Duration: least}
			}
			if most > 0 {
				b.MaximumRetention = &metav1.Duration{Duration: most}
			}
		})
	}
	runsKept := func(ttl time.Duration) func(*scene) { return runsAre(func(b *control.Backup) { b.TTL = ttl }) }
	found(t, RuleRetention, inCluster, map[string]sceneCase{
		"as stated":                     {want: "Conforming Retained"},
		"for less":                      {edits: []func(*scene){ttl("719h59m0s")}, want: short},
		"for more":                      {edits: []func(*scene){ttl("721h0m0s"), bounds(720*hour, 720*hour)}, want: long},
		"for the most":                  {edits: []func(*scene){ttl("720h0m0s"), bounds(720*hour, 720*hour)}, want: "Conforming Retained"},
		"at most only":                  {edits: []func(*scene){ttl("720h0m0s"), bounds(0, 719*hour)}, want: long},
		"the server's":                  {edits: []func(*scene){ttl(nil)}, want: "Conforming Retained"},
		"the server's, which is less":   {edits: []func(*scene){ttl(nil), runsKept(24 * hour)}, want: short},
		"zero, and so the server's":     {edits: []func(*scene){ttl("0s"), runsKept(24 * hour)}, want: short},
		"the server's, not shown":       {edits: []func(*scene){ttl(nil), func(s *scene) { s.Snapshot.Backups = nil }}, want: "NotEvaluated Inconclusive"},
		"nothing stated":                {edits: []func(*scene){bounds(0, 0)}, want: "NotApplicable RetentionNotStated"},
		"no plan":                       {edits: []func(*scene){theirs(), noPlan}, want: "Deviating PlanMissing: Schedule velero/nightly"},
		"not installed":                 {edits: []func(*scene){notServed(kindSchedules)}, want: "Deviating ProviderNotInstalled: " + kindSchedules},
		"not observed":                  {edits: []func(*scene){without(control.NeedBackupPlans, control.ReasonForbidden)}, want: "NotEvaluated Forbidden"},
		"nothing stated, not installed": {edits: []func(*scene){bounds(0, 0), notServed(kindSchedules)}, want: "NotApplicable RetentionNotStated"},
	})
}

// TestWantedPlan: what is applied, whatever the control leaves to its defaults.
func TestWantedPlan(t *testing.T) {
	template := func(edits ...func(map[string]any)) map[string]any {
		m := map[string]any{
			"includedNamespaces": []any{"*"}, "excludedNamespaces": []any{}, "ttl": "720h0m0s",
			"snapshotVolumes": true, "defaultVolumesToFsBackup": false, "snapshotMoveData": false,
			"metadata": map[string]any{"labels": map[string]any{control.ClusterLabel: clusterUID}},
		}
		for _, edit := range edits {
			edit(m)
		}
		return m
	}
	cases := map[string]struct {
		edits        []func(*scene)
		wantSchedule string
		want         map[string]any
	}{
		"defaults": {wantSchedule: "0 */6 * * *", want: template()},
		"everything stated": {edits: []func(*scene){states(func(b *v1alpha1.Backup) {
			b.TimeZone, b.Retention = "Europe/Berlin", &metav1.Duration{Duration: 90 * time.Minute}
			b.Velero.IncludedNamespaces, b.Velero.ExcludedNamespaces, b.Velero.StorageLocation = []string{"web", "app-*"}, []string{"app-x"}, "vault"
			b.Velero.VolumeMethod = v1alpha1.VolumesByDataMover
		}), noPlan}, wantSchedule: "CRON_TZ=Europe/Berlin 0 */6 * * *", want: template(func(m map[string]any) {
			m["includedNamespaces"], m["excludedNamespaces"], m["storageLocation"], m["ttl"] = []any{"app-*", "web"}, []any{"app-x"}, "vault", "1h30m0s"
			m["snapshotMoveData"] = true
		})},
		"by file systems": {edits: []func(*scene){copying}, wantSchedule: "0 */6 * * *", want: template(func(m map[string]any) {
			m["snapshotVolumes"], m["defaultVolumesToFsBackup"] = false, true
		})},
		"no retention":                  {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.Retention = nil }), noPlan}, wantSchedule: "0 */6 * * *", want: template(func(m map[string]any) { delete(m, "ttl") })},
		"kept for longer stays":         {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.Retention.Duration = hour })}, wantSchedule: "0 */6 * * *", want: template()},
		"without retention, kept stays": {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.Retention = nil })}, wantSchedule: "0 */6 * * *", want: template()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := inCluster().with(tc.edits...)
			changes, err := Control{}.Wants(s.Input)
			if err != nil || len(changes) != 1 {
				t.Fatalf("wants %+v, %v", changes, err)
			}
			want := control.Change{
				APIVersion: "velero.io/v1", Kind: "Schedule", Namespace: "velero", Name: ownPlan, Unowned: []string{skipField},
				Spec:  map[string]any{"schedule": tc.wantSchedule, "paused": false, "useOwnerReferencesInBackup": false, "template": tc.want},
				Rules: []string{RulePlan, RuleRetention}, Effect: control.Permits, InPlace: changes[0].InPlace,
			}
			if diff := cmp.Diff(want, changes[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestWants: which changes, whether they are in place, and what is refused.
func TestWants(t *testing.T) {
	const schedule, inPlace = "Schedule " + ownPlan, "Schedule " + ownPlan + " (in place)"
	extra := "Backup " + ownPlan + "-extra-29541000" // 2026-03-02T14:00:00Z
	extraAt := func(age time.Duration, phase string) func(*scene) {
		return func(s *scene) {
			r := s.run(age)
			b := &s.Snapshot.Backups[r.i]
			b.Name, b.Plan, b.Phase = ownPlan+"-extra-29541000", "", phase
			if age > 0 {
				b.Name = ownPlan + "-extra-29540940"
			}
		}
	}
	cases := map[string]struct {
		edits       []func(*scene)
		want        []string
		wantRefused string
	}{
		"as wanted":              {want: []string{inPlace}},
		"none":                   {edits: []func(*scene){noPlan}, want: []string{schedule}},
		"paused":                 {edits: []func(*scene){planIs(func(p *control.BackupPlan) { p.Spec["paused"] = true })}, want: []string{schedule}},
		"somebody else's":        {edits: []func(*scene){planIs(func(p *control.BackupPlan) { p.Ours, p.Spec["paused"] = false, true })}, wantRefused: v1alpha1.ReasonNameCollision},
		"somebody else's, equal": {edits: []func(*scene){planIs(func(p *control.BackupPlan) { p.Ours = false })}, want: []string{inPlace}},
		"the user's own":         {edits: []func(*scene){theirs(func(spec, _ map[string]any) { spec["paused"] = true })}},
		"not installed":          {edits: []func(*scene){notServed(kindSchedules)}},
		"not observed":           {edits: []func(*scene){without(control.NeedBackupPlans, control.ReasonForbidden)}},

		"objective missed":                {edits: []func(*scene){missed}, want: []string{inPlace, extra}},
		"objective missed, never a run":   {edits: []func(*scene){missed, func(s *scene) { s.Snapshot.Backups = nil }}, want: []string{inPlace, extra}},
		"a new plan":                      {edits: []func(*scene){missed, func(s *scene) { s.Snapshot.Backups = nil }, planIs(func(p *control.BackupPlan) { p.CreatedAt = now.Add(-hour + time.Second) })}, want: []string{inPlace}},
		"missed, and no plan yet":         {edits: []func(*scene){missed, noPlan}, want: []string{schedule}},
		"missed, by the user's own":       {edits: []func(*scene){missed, theirs()}},
		"missed, and a run goes on":       {edits: []func(*scene){missed, newestIs(func(b *control.Backup) { b.Phase = "InProgress" })}, want: []string{inPlace}},
		"missed, and a run is stuck":      {edits: []func(*scene){missed, newestIs(func(b *control.Backup) { b.Phase, b.CreatedAt = "InProgress", now.Add(-20*hour) })}, want: []string{inPlace, extra}},
		"missed, and one was started":     {edits: []func(*scene){missed, extraAt(0, "InProgress")}, want: []string{inPlace, extra + " (in place)"}},
		"missed, and an earlier goes on":  {edits: []func(*scene){missed, extraAt(hour, "InProgress")}, want: []string{inPlace}},
		"missed, and an earlier is stuck": {edits: []func(*scene){missed, extraAt(12*hour, "Queued")}, want: []string{inPlace, extra}},
		"missed, and an earlier failed":   {edits: []func(*scene){missed, extraAt(hour, phaseFailed)}, want: []string{inPlace, extra}},
		"an earlier completed":            {edits: []func(*scene){missed, extraAt(hour/2, phaseCompleted)}, want: []string{inPlace}},
		"missed, location unavailable":    {edits: []func(*scene){missed, locationIs(func(l *control.BackupLocation) { l.Phase = "Unavailable" })}, want: []string{inPlace}},
		"missed, location read-only":      {edits: []func(*scene){missed, locationIs(func(l *control.BackupLocation) { l.AccessMode = "ReadOnly" })}, want: []string{inPlace}},
		"missed, backups not observed":    {edits: []func(*scene){missed, without(control.NeedBackups, control.ReasonFailed)}, want: []string{inPlace}},
		"missed, unreadable schedule":     {edits: []func(*scene){missed, states(func(b *v1alpha1.Backup) { b.TimeZone = "No/Where" }), func(s *scene) { s.planned() }}, want: []string{inPlace}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			changes, err := Control{}.Wants(inCluster().with(tc.edits...).Input)
			var got []string
			for _, c := range changes {
				text := c.Kind + " " + c.Name
				if c.InPlace {
					text += " (in place)"
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var refusal *control.Refusal
			if errors.As(err, &refusal); (refusal == nil) != (tc.wantRefused == "") || refusal != nil && refusal.Reason != tc.wantRefused {
				t.Errorf("refused %v, want %q", err, tc.wantRefused)
			}
		})
	}
}

// TestWantedExtra: it is as the plan's runs, and says which cluster it is of.
func TestWantedExtra(t *testing.T) {
	s := inCluster().with(missed)
	changes, err := Control{}.Wants(s.Input)
	if err != nil || len(changes) != 2 {
		t.Fatalf("wants %+v, %v", changes, err)
	}
	want := read(s.Input).wantedTemplate()
	delete(want, "metadata")
	if diff := cmp.Diff(want, changes[1].Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{control.ClusterLabel: clusterUID, "holdfast.dev/extra": "true"}, changes[1].Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{RuleRuns}, changes[1].Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}
