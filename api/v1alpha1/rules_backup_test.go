package v1alpha1_test

import (
	"maps"
	"slices"
	"strings"
)

// Where the full example has what the rules are about.
const (
	backup      = "spec.controls[3].backup"
	ofVelero    = backup + ".velero"
	restoreTest = "spec.controls[4].restoreTest"
)

// ofNamespaces adds to edits what leaves nothing of the cluster's in the controls of
// backups: VolumeSnapshots are judged in namespaces only, and are not restored.
func ofNamespaces(more edits) edits {
	all := edits{
		backup + ".provider": "VolumeSnapshot", ofVelero: nil,
		restoreTest: nil, "spec.controls[4].networkIsolation": map[string]any{"defaultDeny": []any{"Ingress"}},
	}
	maps.Copy(all, more)
	return all
}

// shortMaximum is what is said of a maximum that is below the minimum.
const shortMaximum = "maximumRetention must be no less than retention, which must be stated too"

func backupRules() []rule {
	return slices.Concat(backupScopeRules(), backupFieldRules(), nameRules(), backupDurations(), attestationRules(ofVelero+".attestations[0]"))
}

// backupScopeRules are about what a policy must have beside the control.
func backupScopeRules() []rule {
	const (
		outside = "a backup control of provider Velero judges the plan, its runs and its storage, which are of the cluster: set scope.cluster to Included"
		unnamed = "restoreTest.backupControl must be the id of a control of this policy, of type backup and provider Velero"
	)
	cluster := func(value any) edits {
		return edits{atRest + ".volumes": nil, ofIngress + ".guard": nil, "spec.scope.cluster": value}
	}
	return []rule{
		{
			field: "spec.controls", message: outside,
			accept: []edits{ofNamespaces(cluster("Excluded")), ofNamespaces(cluster(nil)), cluster("Included")},
			refuse: []edits{cluster("Excluded"), cluster(nil)},
		},
		{
			field: "spec.controls", message: unnamed,
			accept: []edits{
				{restoreTest + ".backupControl": "B", "spec.controls[3].id": "B"},
				{backup + ".provider": nil},
			},
			refuse: []edits{
				{restoreTest + ".backupControl": "BCK-9"}, {restoreTest + ".backupControl": "NET-1"},
				{restoreTest + ".backupControl": "BCK-2"}, {restoreTest + ".backupControl": "bck-1"},
				{backup + ".provider": "VolumeSnapshot", ofVelero: nil},
			},
		},
	}
}

// backupFieldRules are about single fields, and about fields of one control.
func backupFieldRules() []rule {
	return []rule{
		{
			field: backup, message: "velero is stated, and provider is not Velero: remove velero, or set provider to Velero",
			accept: []edits{{ofVelero: nil}, {backup + ".provider": nil}},
			refuse: []edits{ofNamespaces(edits{ofVelero: map[string]any{}})},
		},
		{
			field: backup + ".maximumRetention", message: shortMaximum,
			accept: []edits{
				{backup + ".maximumRetention": "720h"}, {backup + ".retention": "43200m"}, {backup + ".maximumRetention": nil},
				{backup + ".maximumRetention": nil, backup + ".retention": nil},
			},
			refuse: []edits{{backup + ".maximumRetention": "719h59m59s"}, {backup + ".retention": nil}},
		},
		{
			field: backup + ".schedule", message: `schedule must be a cron expression of five fields, such as "0 */6 * * *"`,
			accept: each(backup+".schedule", "* * * * *", "0 */6 * * *", "15,45 2 1-7 JAN,JUL MON", "0  4 ? * 7"),
			refuse: each(backup+".schedule", "@hourly me", "0 */6 * * * *", "CRON_TZ=Etc/UTC 0 0 * * *", " 0 * * * *", "0 */6 * *"),
		},
		{
			field: backup + ".timeZone", message: "timeZone must be a name of the IANA database, such as Europe/Berlin",
			accept: each(backup+".timeZone", "UTC", "Etc/GMT+1", "America/Argentina/Buenos_Aires", nil),
			refuse: each(backup+".timeZone", "", "+01:00", "Europe/", "Europe Berlin", "../zone"),
		},
	}
}

// nameRules are about names of Velero's objects.
func nameRules() []rule {
	return []rule{
		{
			field: ofVelero + ".namespace", message: "namespace must be a name of a namespace: lower-case letters, digits and '-', with a letter or digit first and last",
			accept: each(ofVelero+".namespace", "a", "0-1", strings.Repeat("a", 63), nil),
			refuse: each(ofVelero+".namespace", "", "-a", "Velero", "a.b", "a_b"),
		},
		{
			field: ofVelero + ".plan", message: "plan must be a name of a Schedule: lower-case letters, digits, '-' and '.'",
			accept: each(ofVelero+".plan", "a", "nightly.all-1", nil),
			refuse: each(ofVelero+".plan", "", "-a", "Nightly", "a_b", "a."),
		},
		{
			field: ofVelero + ".storageLocation", message: "storageLocation must be a name of a BackupStorageLocation: lower-case letters, digits, '-' and '.'",
			accept: each(ofVelero+".storageLocation", "a", "s3.eu-1", nil),
			refuse: each(ofVelero+".storageLocation", "", "-a", "Default", "a_b", "a."),
		},
	}
}

// backupDurations are the rules of durations.
func backupDurations() []rule {
	bounded := func(path, least, most, example string, accept, refuse []any) rule {
		return rule{
			field: path, message: field(path) + " must be a duration from " + least + " to " + most + ", such as " + example,
			accept: each(path, append(accept, least, most)...),
			refuse: each(path, append(refuse, "", "5", "1d", "-5m", "0s", "1m1h")...),
		}
	}
	texts := func(of ...any) []any { return of }
	retention := bounded(backup+".retention", "1h", "87840h", "720h", texts("60m"), texts("59m59s", "87840h1s"))
	for _, e := range append(retention.accept, retention.refuse...) {
		e[backup+".maximumRetention"] = nil
	}
	maximum := bounded(backup+".maximumRetention", "1h", "87840h", "8784h", texts("1440h"), texts("59m59s", "87840h1s"))
	for _, e := range maximum.accept {
		e[backup+".retention"] = "1h"
	}
	maximum.also = shortMaximum
	return []rule{
		retention, maximum,
		bounded(backup+".startingDeadline", "1m", "24h", "10m", texts("60s", "10m0s", nil), texts("59s", "24h0m1s")),
		bounded(backup+".recoveryPointObjective", "1m", "8784h", "12h", texts("90.5s", "527040m"), texts("59.9s", "8784h1s")),
		bounded(ofVelero+".extraBackupEvery", "5m", "24h", "1h", texts("300s", nil), texts("4m59s", "25h")),
		bounded(restoreTest+".every", "1h", "8784h", "168h", texts("60m"), texts("59m59s", "8784h1s")),
		bounded(restoreTest+".timeout", "1m", "24h", "1h", texts("90s", nil), texts("59s", "24h1s")),
	}
}
