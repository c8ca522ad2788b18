package operator

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

func TestServerClock(t *testing.T) {
	ours := time.Date(2026, 3, 1, 6, 0, 0, 700_000_000, time.UTC)
	cases := map[string]struct {
		date   string
		later  time.Duration
		want   time.Duration
		wantOK bool
	}{
		"the same second":    {"Sun, 01 Mar 2026 06:00:00 GMT", 0, 0, true},
		"an hour ahead":      {"Sun, 01 Mar 2026 07:00:00 GMT", 0, time.Hour, true},
		"ten seconds behind": {"Sun, 01 Mar 2026 05:59:50 GMT", 0, -10 * time.Second, true},
		"too long ago":       {"Sun, 01 Mar 2026 06:00:00 GMT", 2 * time.Minute, 0, false},
		"no date":            {"soon", 0, 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", tc.date)
			}))
			defer server.Close()
			cfg := &rest.Config{Host: server.URL}
			clock := NewServerClock(cfg)
			now := ours
			clock.now = func() time.Time { return now }
			client, err := rest.HTTPClientFor(cfg)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			now = now.Add(tc.later)
			got, ok := clock.Offset()
			if ok != tc.wantOK || (ok && got != tc.want) {
				t.Errorf("got %s, %t, want %s, %t", got, ok, tc.want, tc.wantOK)
			}
		})
	}
}
