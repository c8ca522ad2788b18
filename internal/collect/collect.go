// Package collect reads whole populations a second time, past the caches, at the
// slots of a schedule: it finds what watches missed, and writes the census of
// every control down. It detects missed events, not a wrong evaluator or an
// untruthful API server.
package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// The defaults of Options.
const (
	DefaultPatience    = 2 * time.Minute
	DefaultPageTimeout = time.Minute
	DefaultOutage      = 2 * time.Minute
	DefaultMaxReread   = 1000
)

// durableWithin is how long the ledger may take to have what was collected on its disk.
const durableWithin = 2 * time.Minute

// Options are what a Collector needs.
type Options struct {
	// Config is the client configuration; the collector makes connections of its own.
	Config *rest.Config
	// Observer is what the live state rests on.
	Observer *observe.Observer
	// Recorder knows the live state, and records.
	Recorder *ledger.Recorder
	// FieldManager and DNSService are those of the observer.
	FieldManager string
	DNSService   types.NamespacedName
	// Namespace is the operator's own, KeySecret the Secret of the signing key in
	// it, which may be empty where the key is a file.
	Namespace, KeySecret string
	// Settled reports whether no pass over a scope is queued or under way: over a
	// namespace, by its name, or over the cluster (control.Cluster).
	Settled func(scope string) bool
	// Requeue asks for a pass over a scope.
	Requeue func(scope string)
	// Probed returns the newest observations of the targets of a scope, and whether
	// one of them awaits its first probe. A collection probes nothing itself. nil
	// means that nothing is probed at all.
	Probed func(scope string) (observations []control.Observation, awaited bool)
	// Distrusted reports whether the evaluator of a control type failed its
	// self-test: its controls are NotEvaluated. nil means that none did.
	Distrusted func(controlType string) bool
	// PageSize is how many objects one request lists. 0 means 500.
	PageSize int64
	// PageTimeout bounds one request. 0 means a minute.
	PageTimeout time.Duration
	// Outage is how much time a collection spends, all in all, on asking again for what
	// no API server answers, as while one is started again. 0 means two minutes. It is
	// never more than three quarters of the time from a slot to the next one.
	Outage time.Duration
	// Patience is how long differences may wait for the watches to show what was
	// read: a bookmark comes once a minute to kinds in which nothing happens. 0
	// means two minutes, for all of a collection together.
	Patience time.Duration
	// MaxReread is how many scopes that differ are read again, in one collection. 0
	// means 1,000.
	MaxReread int
	// Now is the clock.
	Now func() time.Time
	Log logr.Logger
}

// Request asks for one collection.
type Request struct {
	Schedule ledger.ScheduleRef
	// Slot is the time that the schedule's cron declares, Next the slot after it;
	// nil where the schedule ends.
	Slot time.Time
	Next *time.Time
	// Late is true after the schedule's starting deadline.
	Late bool
	// Definitions are those that are in force of the policies that the schedule
	// selects, in any order.
	Definitions []*assess.Definition
	// NotInForce are the names of policies that the schedule selects, and that are
	// not in force, or not yet: the collection is Partial, and names them.
	NotInForce []string
}

// Result is what a collection made.
type Result struct {
	// Entry is the Collected entry; it is durable.
	Entry ledger.Entry
	// Manifest is the census, and Digest names its object; nil and empty where the
	// collection failed.
	Manifest *ledger.Manifest
	Digest   string
}

// Collector collects.
type Collector struct{ opts Options }

// New returns a collector.
func New(opts Options) *Collector {
	opts.PageTimeout = cmp.Or(opts.PageTimeout, DefaultPageTimeout)
	opts.Outage = cmp.Or(opts.Outage, DefaultOutage)
	opts.MaxReread = cmp.Or(opts.MaxReread, DefaultMaxReread)
	opts.Patience = cmp.Or(opts.Patience, DefaultPatience)
	return &Collector{opts}
}

// ErrUnavailable says that the ledger could not take what was collected.
var ErrUnavailable = errors.New("the ledger is unavailable")

// failure is why a collection has no manifest.
type failure struct{ reason, message string }

// Error returns the message.
func (f *failure) Error() string { return f.message }

// Reasons of a Collected entry that is not Completed.
const (
	// ReasonListFailed: a kind could not be read completely.
	ReasonListFailed = "ListFailed"
	// ReasonPolicyChanged: a policy was edited while it was collected; it was not
	// compared.
	ReasonPolicyChanged = "PolicyChanged"
	// ReasonPolicyInvalid: a policy cannot be evaluated; its units are NotEvaluated.
	ReasonPolicyInvalid = "PolicyInvalid"
	// ReasonUnsettled: a scope changed whenever it was read, and nothing is
	// recorded of it; its units are NotEvaluated.
	ReasonUnsettled = "Unsettled"
	// ReasonProbesAwaited: a target was not probed yet; what rests on that was not
	// compared.
	ReasonProbesAwaited = "ProbesAwaited"
	// ReasonEvaluatorFailed: an evaluator failed in a scope that is not in its
	// policy's: which subjects are outside is not known.
	ReasonEvaluatorFailed = "EvaluatorFailed"
	// ReasonTooManyDifferences: more scopes differed from what is recorded than are
	// read again.
	ReasonTooManyDifferences = "TooManyDifferences"
	// ReasonCensusMismatch: the units do not add up to those that there are.
	ReasonCensusMismatch = "CensusMismatch"
	// ReasonNotEncodable: something could not be written down.
	ReasonNotEncodable = "NotEncodable"
)

// collection is one collection under way.
type collection struct {
	Options
	req      Request
	log      *ledger.Log
	body     ledger.CollectionBody
	manifest *ledger.Manifest
	policies []*policy
	// probing is whether a control needs probes.
	probing bool
	cluster *observe.Static
	// insistence asks again while no API server answers.
	insistence *observe.Insistence
	encoder    assess.Encoder
	chunks     chunks
	// written are the objects that are durable already, by digest.
	written map[string]struct{}
	// listed are the namespaces that the list has; names are the scopes to be
	// compared: those, the ones that are recorded, and the cluster where it matters.
	listed, names map[string]struct{}
	// differing are the scopes that differed at first, reread those of them that
	// were read again.
	differing, reread []*scope
	// shortfalls are why the collection is not complete.
	shortfalls []failure
}

// Collect reads the populations of the request's definitions, compares them with
// the live state, and records what it found: Discrepancy and AccessObserved
// entries, and one Collected entry. It returns an error only when ctx ended, or
// the ledger is unavailable.
func (c *Collector) Collect(ctx context.Context, req Request) (*Result, error) {
	n := &collection{Options: c.opts, req: req, log: c.opts.Recorder.Log()}
	if n.log == nil {
		return nil, ErrUnavailable
	}
	n.begin()
	for _, phase := range []func(context.Context) error{n.list, n.observeAccess, n.know, n.await, n.compare, n.confirm, n.census} {
		err := phase(ctx)
		var failed *failure
		switch {
		case errors.As(err, &failed):
			return n.finish(ctx, failed)
		case err != nil:
			return nil, err
		}
	}
	return n.finish(ctx, nil)
}

func (n *collection) begin() {
	n.body = ledger.CollectionBody{Slot: ledger.At(n.req.Slot), Late: n.req.Late, Started: ledger.At(n.Now()), State: ledger.CollectionCompleted}
	outage := n.Outage
	if n.req.Next != nil {
		n.body.Next = new(ledger.At(*n.req.Next))
		// What never answers must not have the next slot pass.
		outage = min(outage, n.req.Next.Sub(n.req.Slot)*3/4)
	}
	n.insistence = observe.NewInsistence(outage)
	for _, def := range n.req.Definitions {
		n.policies = append(n.policies, newPolicy(def))
	}
	slices.SortFunc(n.policies, func(a, b *policy) int { return cmp.Compare(a.Name, b.Name) })
	n.probing = slices.Contains(n.needs(), control.NeedProbes)
	for _, name := range n.req.NotInForce {
		n.short(ReasonPolicyInvalid, "policy "+name+" is not in force")
	}
	n.manifest = &ledger.Manifest{Schema: ledger.ManifestSchema, Schedule: n.req.Schedule, Slot: n.body.Slot}
	n.chunks.put, n.written = n.putChunk, map[string]struct{}{}
}

// short takes note of why the collection is not complete. One reason is told once.
func (n *collection) short(reason, message string) {
	short := failure{reason, message}
	if !slices.Contains(n.shortfalls, short) {
		n.shortfalls = append(n.shortfalls, short)
	}
}

// finish writes the manifest and the Collected entry, and waits until both are durable.
func (n *collection) finish(ctx context.Context, failed *failure) (*Result, error) {
	result := &Result{}
	if failed == nil {
		object, err := ledger.NewObject(n.manifest)
		if err != nil {
			return nil, err
		}
		if err := n.put(object); err != nil {
			return nil, err
		}
		n.body.Manifest, result.Manifest, result.Digest = object.Digest, n.manifest, object.Digest
	}
	reason, message := n.conclude(failed)
	n.body.Ended = ledger.At(n.Now())
	transitions, ticket := n.Recorder.Record(ledger.Draft{At: n.Now(), Entry: ledger.Entry{
		Kind: ledger.KindCollected, Schedule: &n.req.Schedule, Collection: &n.body, Reason: reason, Message: message,
	}})
	result.Entry = transitions[0].Entry
	if !ticket.Wait(ctx, durableWithin) {
		return nil, cmp.Or(ctx.Err(), ErrUnavailable)
	}
	return result, nil
}

// conclude sets the collection's state, and returns why it is not complete.
func (n *collection) conclude(failed *failure) (reason, message string) {
	switch {
	case failed != nil:
		n.body.State = ledger.CollectionFailed
		n.Log.Info("A collection failed", "schedule", n.req.Schedule.Name, "slot", n.req.Slot, "reason", failed.reason, "error", failed.message)
		return failed.reason, clip(failed.message)
	case len(n.shortfalls) > 0:
		n.body.State = ledger.CollectionPartial
		return n.shortfalls[0].reason, clip(joined(n.shortfalls))
	default:
		return "", ""
	}
}

// put makes objects durable, before an entry names them.
func (n *collection) put(objects ...ledger.Object) error {
	if err := n.log.PutObjects(objects); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}
