package v1alpha1_test

import (
	"strings"
)

const (
	cronRule     = "schedule must be a cron expression of five fields, such as 0 * * * *"
	zoneRule     = "timeZone must be the name of a time zone, such as Etc/UTC or Europe/Berlin"
	urlRule      = "url must be an absolute URL with the scheme https or http"
	dnsLabelRule = "name must consist of lower-case letters, digits and '-', with a letter or digit first and last"
	someKey      = "BEYhF7qgAU4bBLGeKEbqMcLOLAyWXAn9VA8XGzN0mgXn"
)

// scheduleRules returns every rule of EvidenceSchedule in CEL.
func scheduleRules() []rule {
	all := []rule{
		{
			field: "", message: "metadata.name must have at most 63 characters",
			accept: each("metadata.name", strings.Repeat("a", 63), "with.dots"),
			refuse: each("metadata.name", strings.Repeat("a", 64)),
		},
		{
			field: "spec.schedule", message: cronRule,
			accept: each("spec.schedule", "0 * * * *", "*/5 0-6,22 1 JAN-jun mon", "0 0 31 2 *"),
			refuse: each("spec.schedule", "", "@hourly", "0 * * *", "0 0 * * * *", "TZ=Etc/UTC 0 * * * *", "0 * * * *\n", "0  * * * *", "? * * * *"),
		},
		{
			field: "spec.timeZone", message: zoneRule,
			accept: each("spec.timeZone", "UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires", "Nowhere/Land", nil),
			refuse: each("spec.timeZone", "", "Local", "../etc/passwd", "/UTC", "Europe/", "Europe Berlin"),
		},
		{
			field: "spec.startingDeadline", message: "startingDeadline must be a duration from 1s to 24h, such as 90s, 5m or 1h30m",
			accept: each("spec.startingDeadline", "1s", "90s", "24h", nil),
			refuse: each("spec.startingDeadline", "", "5", "0s", "999ms", "-5m", "24h0m1s", "1d"),
		},
	}
	all = append(all, selectorRules("spec.policySelector", "examination")...)
	all = append(all, periodRules()...)
	return append(all, outsideRules()...)
}

func periodRules() []rule {
	period := func(of map[string]any) edits { return edits{"spec.period": of, "spec.retention": nil} }
	const start, end = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
	return []rule{
		{
			field: "spec.period", message: "period must have either start and end, or rolling",
			accept: []edits{period(map[string]any{"rolling": "24h"}), period(map[string]any{"start": start, "end": end})},
			refuse: []edits{
				period(map[string]any{}), period(map[string]any{"start": start}), period(map[string]any{"end": end}),
				period(map[string]any{"start": start, "rolling": "8760h"}), period(map[string]any{"start": start, "end": end, "rolling": "8760h"}),
			},
		},
		{
			field: "spec.period.end", message: "end must be later than start, in the tenth year after it at the latest",
			accept: []edits{
				period(map[string]any{"start": start, "end": "2026-01-01T00:00:01Z"}),
				period(map[string]any{"start": start, "end": "2036-12-31T00:00:00Z"}),
				period(map[string]any{"start": "2026-01-01T00:00:00+02:00", "end": "2025-12-31T23:00:00Z"}),
			},
			refuse: []edits{
				period(map[string]any{"start": start, "end": start}),
				period(map[string]any{"start": end, "end": start}),
				period(map[string]any{"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:30:00+01:00"}),
				period(map[string]any{"start": start, "end": "2037-01-01T00:00:00Z"}),
				period(map[string]any{"start": "0001-01-01T00:00:00Z", "end": "9999-12-31T00:00:00Z"}),
			},
		},
		timesIn("spec.period.start", "2026-12-31T23:59:59+02:00"),
		timesIn("spec.period.end", "2026-12-31T23:59:59-11:00"),
		{
			field: "spec.period.rolling", message: "rolling must be a duration from 24h to 87600h, such as 8760h",
			accept: []edits{period(map[string]any{"rolling": "24h"}), period(map[string]any{"rolling": "87600h"}), period(map[string]any{"rolling": "1440m"})},
			refuse: []edits{
				period(map[string]any{"rolling": ""}), period(map[string]any{"rolling": "23h59m"}), period(map[string]any{"rolling": "87600h1s"}),
				period(map[string]any{"rolling": "1y"}), period(map[string]any{"rolling": "-24h"}),
			},
		},
		{
			field: "spec.retention", message: "retention must be a duration from 1s to 876000h, such as 13200h",
			accept: each("spec.retention", "13200h", "792000m", "876000h", nil),
			refuse: each("spec.retention", "", "2y", "-13200h", "876000h1s", "1000000h"),
		},
		{
			field: "spec.retention", message: "retention must be at least the period plus six months (4416h)",
			accept: each("spec.retention", "13176h", "13176h0m0s", nil),
			refuse: each("spec.retention", "13175h59m59s", "8760h", "1s"),
		},
		{
			field: "spec.retention", message: "retention must be at least the rolling period plus six months (4416h)",
			accept: []edits{{"spec.period": map[string]any{"rolling": "8760h"}, "spec.retention": "13176h"}},
			refuse: []edits{{"spec.period": map[string]any{"rolling": "8760h"}, "spec.retention": "13175h59m59s"}},
		},
	}
}

// outsideRules are about who outside the cluster gets what.
func outsideRules() []rule {
	witness, authority := "spec.anchors[0].witness", "spec.anchors[1].timestamp"
	names := func(path string) rule {
		return rule{
			field: path, message: dnsLabelRule,
			accept: each(path, "a", "0-1", strings.Repeat("a", 63)),
			refuse: each(path, "", "-a", "a-", "A", "a.b", "a/b"),
		}
	}
	urls := func(path string) rule {
		return rule{
			field: path, message: urlRule,
			accept: each(path, "https://a", "http://[::1]:8080/x?y=z"),
			refuse: each(path, "", "witness.example", "ftp://a/", "https://", "/path", "file:///etc/passwd"),
		}
	}
	return []rule{
		names("spec.anchors[0].name"), names("spec.exports[0].name"), urls(witness + ".url"), urls(authority + ".url"),
		{
			field: "spec.anchors[0]", message: "exactly one of the fields in [witness timestamp] must be set",
			accept: each("spec.anchors", nil),
			refuse: []edits{{witness: nil}, {"spec.anchors[0].timestamp": map[string]any{"url": "https://a"}}},
		},
		{
			field: witness + ".verifierKey", message: "verifierKey must be a note verifier key, such as witness.example+0123abcd+BF...",
			accept: each(witness+".verifierKey", "w+0123abcd+"+someKey, "example.com/w_1+0123abcd+"+someKey+"=="),
			refuse: each(witness+".verifierKey", "", someKey, "w+0123+"+someKey, "+0123abcd+"+someKey, "w 1+0123abcd+"+someKey, "w+0123abcd+short", "w+0123abcd+"+someKey+" "),
		},
	}
}

// recordRules returns every rule of EvidenceRecord in CEL.
func recordRules() []rule {
	return []rule{
		{
			field: "", message: "metadata.name must have at most 96 characters",
			accept: each("metadata.name", strings.Repeat("a", 96)),
			refuse: each("metadata.name", strings.Repeat("a", 97)),
		},
		{
			field: "spec", message: "spec is immutable: it is evidence", onUpdate: true,
			accept: []edits{{}, {"metadata.labels": map[string]any{"reviewed": "yes"}}},
			refuse: []edits{
				{"spec.deviating": int64(0)}, {"spec.anchors": nil}, {"spec.previous": nil}, {"spec.controls[0].conforming": int64(3)},
				{"spec.message": "changed"}, {"spec.slot": "2026-03-01T06:00:01Z"},
			},
		},
		times("spec.slot"), times("spec.startedAt"), times("spec.completedAt"), times("spec.anchors[0].at"),
	}
}
