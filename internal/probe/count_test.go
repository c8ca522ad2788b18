package probe_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// TestCount: targets are counted by what their newest probe came to, while that counts.
func TestCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		r := start(t, map[string]probe.Func{
			control.ProbeHandshake: func(_ context.Context, w probe.Wanted, _ *control.Observation) error {
				if w.Handshake.Host == "refused" {
					return unseen.Forbidden("no")
				}
				return nil
			},
			control.ProbeCertificate: func(ctx context.Context, _ probe.Wanted, _ *control.Observation) error {
				select {
				case <-hang:
				case <-ctx.Done():
				}
				return ctx.Err()
			},
		})
		defer r.stop()
		certificate := probe.Wanted{Target: control.Target{Every: time.Second, Certificate: &control.CertificateTarget{Secret: "tls"}}}
		count := func(when string, want map[string]map[string]int) {
			t.Helper()
			if diff := cmp.Diff(want, r.Count()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		count("before anything is wanted", map[string]map[string]int{})
		r.Want("a", []probe.Wanted{host("served", time.Hour), host("refused", time.Hour), certificate})
		r.Want("b", []probe.Wanted{host("served", time.Hour)})
		time.Sleep(time.Second)
		synctest.Wait()
		count("while one hangs", map[string]map[string]int{
			control.ProbeHandshake:   {probe.Seen: 2, control.ReasonForbidden: 1},
			control.ProbeCertificate: {probe.Awaited: 1},
		})
		hang <- struct{}{}
		synctest.Wait()
		count("at once after the result", map[string]map[string]int{
			control.ProbeHandshake:   {probe.Seen: 2, control.ReasonForbidden: 1},
			control.ProbeCertificate: {probe.Seen: 1},
		})
		time.Sleep(4 * time.Second)
		synctest.Wait()
		count("when the next one hangs for longer than the result counts", map[string]map[string]int{
			control.ProbeHandshake:   {probe.Seen: 2, control.ReasonForbidden: 1},
			control.ProbeCertificate: {probe.Stale: 1},
		})
	})
}
