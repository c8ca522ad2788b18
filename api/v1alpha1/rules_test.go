package v1alpha1_test

import (
	"slices"
	"strings"
)

// rule is a rule of the API in CEL, with examples: edits of the full example
// that the API server accepts, and others that it refuses for this rule alone.
type rule struct {
	field   string // the field that the refusal names
	message string
	accept  []edits
	refuse  []edits
	// onUpdate is whether the edits are of an object that exists.
	onUpdate bool
	// also is the message of another rule, about the field and a second one, that
	// some of the refused edits cannot but break too. Empty means none.
	also string
}

const (
	namespaceRule = " must hold names of namespaces: lower-case letters, digits and '-', with a letter or digit first and last"
	labelRule     = " must hold values of labels: letters, digits, '-', '_' and '.', with a letter or digit first and last"
	durationRule  = " must be a duration from 1s to 2160h, such as 90s, 5m or 1h30m"
	timeRule      = " must be a time with its zone, such as 2026-03-01T06:00:00Z"
	egressRule    = "networkIsolation.allow must list type DNS where Egress is denied in Enforce mode, or workloads could resolve no names; add {type: DNS}, or use mode Observe"
)

// policyKindRules returns every rule of ControlPolicy in CEL.
func policyKindRules() []rule {
	return slices.Concat(policyRules(), enforcementRules(), scopeRules(), controlRules(), networkIsolationRules(), encryptionAtRestRules(), encryptionInTransitRules(), backupRules())
}

func policyRules() []rule {
	return []rule{
		{
			field: "", message: "metadata.name must have at most 63 characters",
			accept: each("metadata.name", strings.Repeat("a", 63), "with.dots"),
			refuse: each("metadata.name", strings.Repeat("a", 64)),
		},
		durations("spec.tolerance.correctionWithin"),
		durations("spec.tolerance.newSubjectWithin"),
		{
			field: "spec.tolerance", message: "at least one of the fields in [correctionWithin newSubjectWithin] must be set",
			accept: append(each("spec.tolerance.correctionWithin", nil), each("spec.tolerance.newSubjectWithin", nil)...),
			refuse: each("spec.tolerance", map[string]any{}),
		},
		{
			field: "spec.controls", message: egressRule,
			accept: []edits{
				{"spec.controls[0].networkIsolation.allow": []any{map[string]any{"type": "DNS"}}},
				{"spec.controls[0].networkIsolation.allow": nil, "spec.controls[0].mode": "Observe"},
				{"spec.controls[0].networkIsolation.allow": nil, "spec.controls[0].mode": nil, "spec.mode": nil},
				{"spec.controls[0].networkIsolation": map[string]any{"defaultDeny": []any{"Ingress"}}},
			},
			refuse: []edits{
				{"spec.controls[0].networkIsolation.allow": nil, "spec.controls[0].mode": nil},
				{"spec.controls[0].networkIsolation.allow": []any{map[string]any{"type": "APIServer"}}, "spec.mode": "Observe"},
				{"spec.controls[0].networkIsolation": map[string]any{"defaultDeny": []any{"Egress"}}, "spec.mode": nil},
			},
		},
	}
}

func enforcementRules() []rule {
	return []rule{
		{
			field: "spec.enforcement", message: "at least one of the fields in [pause rollout] must be set",
			accept: append(each("spec.enforcement", nil), edits{"spec.enforcement.pause": nil}, edits{"spec.enforcement.rollout": nil}),
			refuse: each("spec.enforcement", map[string]any{}),
		},
		{
			field: "spec.enforcement.rollout", message: "at least one of the fields in [maxNamespaces interval] must be set",
			accept: []edits{{"spec.enforcement.rollout.maxNamespaces": nil}, {"spec.enforcement.rollout.interval": nil}},
			refuse: each("spec.enforcement.rollout", map[string]any{}),
		},
		{
			field: "spec.enforcement.rollout.interval", message: "interval must be a duration from 1s to 24h, such as 30s or 5m",
			accept: each("spec.enforcement.rollout.interval", "1s", "90s", "1.5s", "5m", "1h30m", "24h", "1440m0s"),
			refuse: each("spec.enforcement.rollout.interval", "", "5", "1d", "0s", "999ms", "-5m", "24h0m1s", "25h"),
		},
		{
			field: "spec.enforcement.pause.reason", message: "reason must say why repairs are paused",
			accept: each("spec.enforcement.pause.reason", "x"),
			refuse: each("spec.enforcement.pause.reason", "", " \n\t"),
		},
		times("spec.enforcement.pause.until"),
	}
}

func scopeRules() []rule {
	return append(selectorRules("spec.scope.namespaceSelector", "tier"),
		namespaces("spec.scope.exclusions[0].namespaces[0]"),
		namespaces("spec.scope.builtinExclusions[0]"),
		rule{
			field: "spec.scope.exclusions[0].reason", message: "reason must say why the namespaces are out of scope",
			accept: each("spec.scope.exclusions[0].reason", "x"),
			refuse: each("spec.scope.exclusions[0].reason", "", "  "),
		},
		rule{
			field: "spec.scope.exclusions[0].reviewBy", message: "reviewBy must be a date, such as 2026-12-31",
			accept: each("spec.scope.exclusions[0].reviewBy", "2028-02-29", nil),
			refuse: each("spec.scope.exclusions[0].reviewBy", "", "soon", "2026-02-29", "2026-13-01", "31.12.2026", "2026-1-1"),
		},
	)
}

// selectorRules are those of a label selector, which the example gives a label.
func selectorRules(selector, label string) []rule {
	requirement := selector + ".matchExpressions[0]"
	return []rule{
		labelKeys(selector+".matchLabels", "matchLabels must have keys of labels, such as app.kubernetes.io/name",
			func(key string) any { return map[string]any{key: "v"} }),
		labelKeys(requirement+".key", "key must be the key of a label, such as app.kubernetes.io/name",
			func(key string) any { return key }),
		labelValues(selector + ".matchLabels[" + label + "]"),
		labelValues(requirement + ".values[0]"),
		{
			field: requirement + ".values", message: "values must hold at least one value with operator In or NotIn",
			accept: each(requirement+".operator", "In", "NotIn"),
			refuse: []edits{
				{requirement + ".values": nil},
				{requirement + ".values": []any{}, requirement + ".operator": "NotIn"},
			},
		},
		{
			field: requirement + ".values", message: "values must be left out with operator Exists or DoesNotExist",
			accept: []edits{
				{requirement + ".values": nil, requirement + ".operator": "Exists"},
				{requirement + ".values": []any{}, requirement + ".operator": "DoesNotExist"},
			},
			refuse: each(requirement+".operator", "Exists", "DoesNotExist"),
		},
	}
}

func controlRules() []rule {
	return []rule{
		{
			field: "spec.controls[0]", message: "exactly one of the fields in [backup encryptionAtRest encryptionInTransit networkIsolation restoreTest] must be set",
			accept: each("spec.controls[0].networkIsolation", map[string]any{"defaultDeny": []any{"Ingress"}}),
			refuse: []edits{
				{"spec.controls[0].networkIsolation": nil},
				{"spec.controls[0].encryptionAtRest": map[string]any{"apiServer": map[string]any{}}},
				{"spec.controls[0].encryptionInTransit": map[string]any{"ingress": map[string]any{}}},
				{"spec.controls[0].restoreTest": map[string]any{"backupControl": "BCK-1", "every": "168h"}},
				{"spec.controls[0].backup": map[string]any{"schedule": "0 * * * *", "recoveryPointObjective": "12h"}},
			},
		},
		{
			field: "spec.controls[0].id", message: "id must consist of letters, digits, '-', '_' and '.', with a letter or digit first and last",
			accept: each("spec.controls[0].id", "a", "1", "NET-1", "iso_27001.a"),
			refuse: each("spec.controls[0].id", "", "-a", "a.", "NET 1", "NET/1", "Ä", "a\n"),
		},
		durations("spec.controls[0].tolerance.correctionWithin"),
		durations("spec.controls[0].tolerance.newSubjectWithin"),
		{
			field: "spec.controls[0].tolerance", message: "at least one of the fields in [correctionWithin newSubjectWithin] must be set",
			accept: each("spec.controls[0].tolerance.correctionWithin", nil),
			refuse: each("spec.controls[0].tolerance", map[string]any{}),
		},
		times("spec.controls[0].operatingFrom"),
	}
}

func durations(path string) rule {
	return rule{
		field: path, message: field(path) + durationRule,
		accept: each(path, "1s", "90s", "1.5s", "5m", "5m0s", "1h30m", "2160h", "2160h0m0s", "129600m", "7776000s"),
		refuse: each(path, "", "5", "5 m", "5 minutes", "1d", "-5m", "+5m", "0s", "0.999s", "999ms", "2160h0m1s", "2161h", "9999999999h", "1m1h"),
	}
}

func times(path string) rule {
	return timesIn(path, "1999-12-31T23:59:59-11:00")
}

// timesIn is times of a field in which another time than one of 1999 is accepted.
func timesIn(path, another string) rule {
	return rule{
		field: path, message: field(path) + timeRule,
		accept: each(path, "2026-03-01T06:00:00Z", "2026-03-01T06:00:00.5+05:30", another),
		refuse: each(path, "", "tomorrow", "2026-03-01", "2026-03-01T06:00:00", "2026-03-01 06:00:00Z", "2026-03-01t06:00:00Z", "2026-03-01T06:00:00z",
			"2026-03-01T06:00:00,5Z", "2026-02-29T06:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T06:00:60Z", "2026-03-01T06:00:00+25:00"),
	}
}

func namespaces(path string) rule {
	return rule{
		field: path, message: field(path) + namespaceRule,
		accept: each(path, "a", "0-1", strings.Repeat("a", 63)),
		refuse: each(path, "", "-a", "a-", "Legacy", "a.b", "a_b", "team-*"),
	}
}

func labelValues(path string) rule {
	return rule{
		field: path, message: field(path) + labelRule,
		accept: each(path, "", "a", "A_b.c-1"),
		refuse: each(path, "a b", "-a", "a/b", "a-"),
	}
}

func labelKeys(path, message string, value func(key string) any) rule {
	return rule{
		field: path, message: message,
		accept: each(path, value("a"), value("example.com/A_b.c")),
		refuse: each(path, value(""), value("a b"), value("/a"), value("EXAMPLE.com/a"), value("a/b/c"), value(strings.Repeat("a", 64))),
	}
}
