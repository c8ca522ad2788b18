package slots_test

import (
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/slots"
)

func TestParseZoned(t *testing.T) {
	from := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		spec string
		want string
	}{
		"five fields":        {"0 */6 * * *", "2026-03-02T18:00:00Z"},
		"in a zone":          {"CRON_TZ=America/New_York 30 9 * * *", "2026-03-02T14:30:00Z"},
		"in a zone, shorter": {"TZ=Asia/Kolkata 0 0 * * *", "2026-03-02T18:30:00Z"},
		"a descriptor":       {"@daily", "2026-03-03T00:00:00Z"},
		"zoned descriptor":   {"CRON_TZ=Asia/Kolkata @daily", "2026-03-02T18:30:00Z"},
		"an interval":        {"@every 90m", "2026-03-02T13:30:00Z"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			parsed, err := slots.ParseZoned(tc.spec, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			if got := parsed.Next(from).UTC().Format(time.RFC3339); got != tc.want {
				t.Errorf("next is %s, want %s", got, tc.want)
			}
		})
	}
	for _, spec := range []string{"", "TZ=", "CRON_TZ=UTC", "CRON_TZ=UTC ", "TZ=Nowhere/At/All 0 0 * * *", "@never", "* * * *", "0 0 * * * *"} {
		if _, err := slots.ParseZoned(spec, time.UTC); err == nil {
			t.Errorf("%q was read", spec)
		}
	}
}

// FuzzParseZoned: whatever it says, it is read or refused, and goes forwards.
func FuzzParseZoned(f *testing.F) {
	for _, spec := range []string{"0 */6 * * *", "CRON_TZ=UTC @daily", "TZ=", "CRON_TZ= ", "@every 1h", "", " "} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		from := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
		parsed, err := slots.ParseZoned(spec, time.UTC)
		if err != nil {
			return
		}
		if next := parsed.Next(from); !next.IsZero() && !next.After(from) {
			t.Errorf("%q: next is %s", spec, next)
		}
	})
}
