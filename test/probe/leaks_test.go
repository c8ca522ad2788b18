package probe_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/klog/v2"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// token is how a JSON Web Token begins: two objects, each in base64, with a dot between
// them. One alone comes up by chance in what tests beside this one write.
var token = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.eyJ`)

// emitted is whatever is written, by anybody.
type emitted struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (e *emitted) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.b.Write(p)
}

func (e *emitted) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.b.String()
}

// testLeaks looks for what was planted in all that probes emit: runs, which go into
// the ledger, observations, and logs at the highest verbosity, client-go's included.
func (c *cluster) testLeaks(t *testing.T) {
	t.Parallel()
	out := &emitted{}
	logEverything(t, out)
	recorded := &runs{}
	runner := c.runner(t, recorded, funcr.New(func(prefix, args string) { _, _ = fmt.Fprintln(out, prefix, args) }, funcr.Options{Verbosity: 10}))

	a := newAuthority(t)
	certificate := a.issue(t, newRSAKey(t, 2048), nil)
	chain, key := inPEM(t, &certificate)
	good, broken := c.tlsSecret(t, "planted", chain, key), c.tlsSecret(t, "planted-broken", key, chain)
	password := []byte("a password of repositories that nobody is to see")
	velero := c.repositoryPassword(t, "velero-planted", map[string][]byte{"repository-password": password})
	revision, err := c.cp.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// This API server stores in the clear: so etcd tells what the canary was.
	canary, host := c.target(plain, "secrets"), onLoopback(t, hold)
	host.Secret = &good
	want := func(every time.Duration, target control.Target) probe.Wanted {
		target.Every = every
		return probe.Wanted{Policy: "p", Control: "ENC-1", Target: target}
	}
	wanted := []probe.Wanted{
		want(time.Hour, control.Target{Canary: &canary}),
		want(time.Hour, control.Target{Canary: &control.CanaryTarget{Endpoint: canary.Endpoint, Resource: "configmaps"}}),
		want(time.Hour, control.Target{Certificate: &good}),
		want(time.Hour, control.Target{Certificate: &broken}),
		want(time.Hour, control.Target{Handshake: &host}),
		want(time.Hour, control.Target{Repository: &velero}),
		want(time.Hour, control.Target{Guard: &control.GuardTarget{Policy: "denies", Object: ingress("denies", "a.example.com")}}),
	}
	runner.Want("leaks", wanted)
	var observations []control.Observation
	eventually(t, "everything is probed", func(context.Context) error {
		var awaited bool
		if observations, awaited = runner.Observations("leaks"); awaited {
			return fmt.Errorf("got %v", observations)
		}
		return nil
	})
	held, err := c.cp.StoredSince(t.Context(), canaryKey, revision, "k8s\x00")
	if err != nil {
		t.Fatal(err)
	}
	recorded.mu.Lock()
	defer recorded.mu.Unlock()
	text, err := json.Marshal([]any{recorded.all, observations})
	if err != nil {
		t.Fatal(err)
	}
	all := out.String() + string(text)
	if len(observations) != len(wanted) || !strings.Contains(out.String(), "/secrets/planted") {
		t.Fatalf("got %d observations, and logs of %d bytes, which do not say what was asked for", len(observations), out.b.Len())
	}
	block, _ := pem.Decode(key)
	refuseSecret(t, all, "the private key", block.Bytes[len(block.Bytes)/2:][:48])
	refuseSecret(t, all, "the private key in PEM", key[64:128])
	refuseSecret(t, all, "the canary", canaryIn(t, held))
	refuseSecret(t, all, "the password", password)
	if token.MatchString(all) {
		t.Error("a token was emitted")
	}
}

// logEverything has client-go log all it can until the test ends.
func logEverything(t *testing.T, out *emitted) {
	t.Helper()
	state := klog.CaptureState()
	t.Cleanup(func() { klog.Flush(); state.Restore() })
	flags := flag.NewFlagSet("", flag.PanicOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{"v": "10", "logtostderr": "false", "stderrthreshold": "FATAL"} {
		if err := flags.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	klog.SetOutput(out)
}

// canaryIn finds the canary in a Secret as etcd holds it in the clear.
func canaryIn(t *testing.T, held []byte) []byte {
	t.Helper()
	_, value, found := bytes.Cut(held, []byte("canary\x12\x20")) // a key, and 32 bytes
	if !found || len(value) < 32 {
		t.Fatalf("no canary in %q", held)
	}
	return value[:32]
}

// refuseSecret insists that a text holds a secret in no form.
func refuseSecret(t *testing.T, text, what string, secret []byte) {
	t.Helper()
	forms := map[string]string{"as it is": string(secret), "in hex": hex.EncodeToString(secret), "quoted": strings.Trim(fmt.Sprintf("%q", secret), `"`)}
	for offset := range 3 { // it may begin anywhere in what is encoded
		forms[fmt.Sprintf("in base64 from %d", offset)] = base64.StdEncoding.EncodeToString(secret[offset:][:27])
	}
	for form, value := range forms {
		if strings.Contains(text, value) {
			t.Errorf("%s was emitted, %s", what, form)
		}
	}
}
