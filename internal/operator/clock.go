package operator

import (
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// offsetAge is how long a comparison of clocks is worth telling.
const offsetAge = time.Minute

// ServerClock compares the API server's clock with ours, by the Date of its
// responses. It makes no requests.
type ServerClock struct {
	now func() time.Time

	mu     sync.Mutex
	offset time.Duration
	at     time.Time
}

// NewServerClock returns a clock that watches every client made from cfg from
// now on.
func NewServerClock(cfg *rest.Config) *ServerClock {
	c := &ServerClock{now: time.Now}
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return dated{next, c} })
	return c
}

// Offset is the API server's clock minus ours (resolution: one second), and
// whether the clocks were compared within the last minute.
func (c *ServerClock) Offset() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset, !c.at.IsZero() && c.now().Sub(c.at) <= offsetAge
}

// dated is a transport that looks at the date of responses.
type dated struct {
	next  http.RoundTripper
	clock *ServerClock
}

// RoundTrip passes the request on.
func (d dated) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := d.clock.now()
	resp, err := d.next.RoundTrip(req)
	if err == nil {
		d.clock.saw(resp.Header.Get("Date"), sent)
	}
	return resp, err
}

// saw takes note of a response's date, which was made between sent and now and
// is rounded down to the second.
func (c *ServerClock) saw(date string, sent time.Time) {
	stated, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	ours := sent.Add(now.Sub(sent) / 2)
	c.offset, c.at = stated.Add(500*time.Millisecond).Sub(ours).Round(time.Second), now
}
