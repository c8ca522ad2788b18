package probe_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// runs are the runs of a runner.
type runs struct {
	mu  sync.Mutex
	all []probe.Run
}

func (r *runs) record(run probe.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, run)
}

// runner returns a runner that runs until the test ends.
func (c *cluster) runner(t *testing.T, recorded *runs, log logr.Logger) *probe.Runner {
	t.Helper()
	runner, err := probe.New(probe.Options{
		Config: c.config, OwnNamespace: namespace, Timeout: 30 * time.Second, Record: recorded.record, OnSeen: func(string) {},
		Namespaces: func(string) []string { return []string{"default"} }, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return runner
}

// testChanges: encryption that is switched off, a key that is rotated, in a config
// and by a KMS, all while the API servers run: each is seen at the next probe.
func (c *cluster) testChanges(t *testing.T) {
	t.Parallel()
	recorded := &runs{}
	runner := c.runner(t, recorded, logr.Discard())
	var wanted []probe.Wanted
	for _, server := range []int{gcm, cbc, vault} {
		target := c.target(server, "secrets")
		wanted = append(wanted, probe.Wanted{Policy: "p", Control: "ENC-1", Target: control.Target{Every: 2 * time.Second, Canary: &target}})
	}
	runner.Want(control.Cluster, wanted)

	is := func(server int, holds func(*control.Stored) bool) func(context.Context) error {
		return func(context.Context) error {
			observations, _ := runner.Observations(control.Cluster)
			for i := range observations {
				o := &observations[i]
				if *o.Canary == c.target(server, "secrets") && o.Stored != nil && holds(o.Stored) {
					return nil
				}
			}
			return fmt.Errorf("got %+v", observations)
		}
	}
	eventually(t, "the runner sees aesgcm", is(gcm, func(s *control.Stored) bool { return s.Prefixes["k8s:enc:aesgcm:v1:"] > 0 }))
	eventually(t, "the runner sees the KMS", is(vault, func(s *control.Stored) bool { return len(s.KeyIDs) > 0 }))
	eventually(t, "the runner sees the first key", is(cbc, func(s *control.Stored) bool { return s.Keys["cbc-key"] > 0 }))

	// The newest look at one of them may have been in vain on a busy machine.
	judged := func(what string, as func(control.Finding) bool) {
		eventually(t, what, func(context.Context) error {
			observations, _ := runner.Observations(control.Cluster)
			if f := verdict(t, observations); !as(f) {
				return fmt.Errorf("got %+v", f)
			}
			return nil
		})
	}
	judged("all of them encrypt", func(f control.Finding) bool { return f.Outcome == control.Conforming })
	for server, changed := range map[int][]byte{gcm: config(identity, aesgcm), cbc: config(rotated, identity)} {
		if err := c.cp.SetEncryptionConfig(server, changed); err != nil {
			t.Fatal(err)
		}
	}
	c.kms.rotate("second")
	begin := time.Now()
	took := map[string]time.Duration{}
	eventually(t, "the key is rotated", is(cbc, func(s *control.Stored) bool { return s.Keys["new-key"] > 0 && len(s.Keys) == 1 }))
	took["rotated"] = time.Since(begin)
	eventually(t, "encryption is switched off", is(gcm, func(s *control.Stored) bool { return len(s.Prefixes) == 1 && s.Prefixes[""] > 0 }))
	took["switched off"] = time.Since(begin)
	judged("one of them does not encrypt", func(f control.Finding) bool {
		return f.Outcome == control.Deviating && len(f.Culprits) == 1 && strings.HasPrefix(f.Culprits[0], c.target(gcm, "secrets").Endpoint)
	})
	eventually(t, "the KMS uses another key", is(vault, func(s *control.Stored) bool { return len(s.KeyIDs) == 2 && s.KeyIDs[0] == hashOf("second") }))
	took["rotated by the KMS"] = time.Since(begin)
	t.Logf("seen after %v; the API servers look for changes once a minute", took)
}
