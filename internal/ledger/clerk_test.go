package ledger

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
)

// patience bounds the waiting of tests for what is sure to come.
const patience = time.Minute

// clerk is a recorder of a ledger on a real disk, and its process.
type clerk struct {
	*rig
	rec     *Recorder
	process string
	// shut is set while the volume cannot be written.
	shut atomic.Bool
	// attempts receives whether each attempt to open the ledger succeeded.
	attempts chan bool
	attached chan attachment
	clock    atomic.Int64 // microseconds since epoch
	cancel   context.CancelFunc
	done     chan error
}

type attachment struct {
	policies []string
	resync   bool
}

var errShut = errors.New("the volume is shut")

// newClerk returns a process that is about to record on r's volume.
func newClerk(r *rig, process string) *clerk {
	r.t.Helper()
	c := &clerk{rig: r, process: process, attempts: make(chan bool, 10_000), attached: make(chan attachment, 100), done: make(chan error, 1)}
	r.opts.Now, r.opts.Log = c.now, logr.Discard()
	r.opts.Check = func(string, uint64) error {
		if c.shut.Load() {
			return errShut
		}
		return nil
	}
	c.rec = NewRecorder(RecorderOptions{
		Open: func(ctx context.Context) (*Log, *Opened, error) {
			log, opened, err := Open(ctx, r.opts)
			c.attempts <- err == nil
			return log, opened, err
		},
		Cluster: r.opts.Cluster, Operator: OperatorBody{Process: process, Version: "v0", StartedAt: At(epoch)},
		Now: c.now, Retry: time.Millisecond,
		OnAttach: func(policies []string, resync bool) { c.attached <- attachment{policies, resync} },
		Log:      logr.Discard(),
	})
	return c
}

// now is a clock that goes on by a millisecond whenever it is read.
func (c *clerk) now() time.Time {
	return epoch.Add(time.Duration(c.clock.Add(1000)) * time.Microsecond)
}

// start runs the recorder.
func (c *clerk) start() {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	go func() { c.done <- c.rec.Run(ctx) }()
	c.t.Cleanup(cancel)
}

// attach waits until the ledger is in use (again).
func (c *clerk) attach() attachment {
	c.t.Helper()
	return receive(c.t, c.attached)
}

// refused waits until an attempt to open the ledger failed, after this call.
func (c *clerk) refused() {
	c.t.Helper()
	for len(c.attempts) > 0 {
		<-c.attempts
	}
	for opened := true; opened; {
		opened = receive(c.t, c.attempts)
	}
}

func receive[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		tb.Fatal("nothing came")
		panic("unreachable")
	}
}

// record records drafts, observed now.
func (c *clerk) record(drafts ...Draft) ([]Transition, Ticket) {
	for i := range drafts {
		drafts[i].At = c.now()
	}
	return c.rec.Record(drafts...)
}

// durable records drafts, and waits until they are durable.
func (c *clerk) durable(drafts ...Draft) {
	c.t.Helper()
	_, ticket := c.record(drafts...)
	if !ticket.Wait(context.Background(), patience) {
		c.t.Fatal("what was recorded does not become durable")
	}
}

// flushed waits until everything is durable.
func (c *clerk) flushed() {
	c.t.Helper()
	if !c.rec.Flushed().Wait(context.Background(), patience) {
		c.t.Fatal("what was recorded does not become durable")
	}
}

// integrated waits until everything is in the log: a stop does so for a while only.
func (c *clerk) integrated() {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for status := c.rec.Log().Status(); status.Integrated < status.Next; status = c.rec.Log().Status() {
		if time.Now().After(deadline) {
			c.t.Fatalf("%d of %d entries are in the log", status.Integrated, status.Next)
		}
		<-time.After(time.Millisecond)
	}
}

// stop stops the process in order.
func (c *clerk) stop() {
	c.t.Helper()
	c.cancel()
	if err := receive(c.t, c.done); err != nil {
		c.t.Errorf("stop: %v", err)
	}
}

// entries reads the ledger back. Each id occurs once.
func (c *clerk) entries() []*Entry {
	c.t.Helper()
	c.onceEach()
	var entries []*Entry
	known := NewKnown()
	for _, data := range c.leaves() {
		e, err := Decode(data)
		if err != nil {
			c.t.Fatal(err)
		}
		if err := known.Apply(e); err != nil {
			c.t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return entries
}

// kindsOf are the kinds of entries, in order, but for the given ones.
func kindsOf(entries []*Entry, without ...Kind) []Kind {
	var kinds []Kind
	for _, e := range entries {
		if !slices.Contains(without, e.Kind) {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

func wantKinds(t *testing.T, got []Kind, want ...Kind) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// declared are the drafts that put p/c in operation over namespace a.
func declared() []Draft {
	return []Draft{policyDraft("p", ChangeCreated, 1), introDraft("p", "c", "d", second(0)), memberDraft(KindSubjectAdded, "p", namespace("a"))}
}

func drift() Draft      { return step{to: deviating}.draft() }
func correction() Draft { return step{to: conforming, byUs: true}.draft() }
func beat() Draft       { return Draft{Entry: Entry{Kind: KindHeartbeat, Alive: &AliveBody{}}} }
