package render

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

func TestDurations(t *testing.T) {
	for _, c := range []struct {
		d              time.Duration
		wantUp, wantDn string
	}{
		{0, "0 s", "0 s"},
		{1, "0.1 ms", "0 ms"},
		{9790 * time.Microsecond, "9.8 ms", "9.7 ms"},
		{12*time.Millisecond + 1, "13 ms", "12 ms"},
		{1234 * time.Millisecond, "1.3 s", "1.2 s"},
		{2 * time.Second, "2 s", "2 s"},
		{4*time.Minute + 11500*time.Millisecond, "4m12s", "4m11s"},
		{5 * time.Minute, "5m", "5m"},
		{2*time.Hour + 5*time.Minute, "2h05m", "2h05m"},
		{70*time.Minute + 500*time.Millisecond, "1h10m01s", "1h10m"},
		{time.Hour + 2*time.Second, "1h00m02s", "1h00m02s"},
		{76*time.Hour + time.Second, "3d04h01m", "3d04h"},
		{31*24*time.Hour + time.Minute, "31d01h", "31d"},
		{-420 * time.Millisecond, "-420 ms", "-420 ms"},
	} {
		if diff := cmp.Diff([]string{c.wantUp, c.wantDn}, []string{duration(int64(c.d), up), duration(int64(c.d), down)}); diff != "" {
			t.Errorf("%d ns (-want +got):\n%s", c.d, diff)
		}
	}
}

func TestSpans(t *testing.T) {
	for name, c := range map[string]struct {
		span report.Span
		want string
	}{
		"open":               {report.Span{Min: int64(time.Hour)}, "at least 1h"},
		"exact":              {report.Span{Min: int64(time.Second), Max: new(int64(time.Second))}, "1 s"},
		"bounded above only": {report.Span{Max: new(int64(1200 * time.Millisecond))}, "at most 1.2 s"},
		"bounded":            {report.Span{Min: int64(10 * time.Millisecond), Max: new(int64(1150 * time.Millisecond))}, "between 10 ms and 1.2 s"},
		"the same, rounded":  {report.Span{Min: int64(time.Hour), Max: new(int64(time.Hour))}, "1h"},
	} {
		if got := span(c.span); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestBounds(t *testing.T) {
	at := func(text string) *ledger.Time {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return new(ledger.At(parsed))
	}
	early, soon, next := at("2026-03-01T23:59:58Z"), at("2026-03-01T23:59:59.25Z"), at("2026-03-02T00:00:00Z")
	for name, c := range map[string]struct {
		bounds report.Bounds
		want   string
	}{
		"neither":     {report.Bounds{}, "not known"},
		"the same":    {report.Bounds{NotBefore: early, NotAfter: early}, "2026-03-01 23:59:58"},
		"one day":     {report.Bounds{NotBefore: early, NotAfter: soon}, "2026-03-01 23:59:58 to 23:59:59.250"},
		"two days":    {report.Bounds{NotBefore: early, NotAfter: next}, "2026-03-01 23:59:58 to 2026-03-02 00:00:00"},
		"an end only": {report.Bounds{NotAfter: next}, "not after 2026-03-02 00:00:00"},
		"a start":     {report.Bounds{NotBefore: next}, "not before 2026-03-02 00:00:00"},
	} {
		if got := bounds(c.bounds); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestE7SharesAreFloored: 100 % only if exact, n/a where there is nothing, and
// what it is a share of stands beside it.
func TestE7SharesAreFloored(t *testing.T) {
	for _, c := range []struct {
		part, whole int
		want        string
	}{
		{0, 0, "n/a"},
		{99999, 100000, "99,999 of 100,000 (99.99 %)"},
		{412, 412, "412 of 412 (100 %)"},
		{1, 3, "1 of 3 (33.33 %)"},
		{0, 7, "0 of 7 (0.00 %)"},
	} {
		if got := share(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.part, c.whole, got, c.want)
		}
	}
	const hour = int64(time.Hour / time.Microsecond)
	for name, c := range map[string]struct {
		coverage report.Coverage
		want     string
	}{
		"nothing due": {report.Coverage{}, "n/a"},
		"all of it":   {report.Coverage{Evaluated: 48 * hour, Due: 48 * hour, PerMyriad: new(int64(10000))}, "100 % (48.00 of 48.00 subject-hours)"},
		"all but a bit": {
			report.Coverage{Evaluated: 4800*hour - 1, Due: 4800 * hour, PerMyriad: new(int64(9999))}, "99.99 % (199.99 of 200.00 subject-days)",
		},
	} {
		if got := coverage(c.coverage); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSecondsAreExact(t *testing.T) {
	for ns, want := range map[int64]string{0: "0", 1: "0.000000001", 1_500_000_000: "1.5", -2_000_000_000: "-2", 3_600_000_000_000: "3600"} {
		if got := seconds(ns); got != want {
			t.Errorf("%d ns: %q, want %q", ns, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
