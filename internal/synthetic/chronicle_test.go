package synthetic

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// chronicle is a past of three days that is told event by event: everything that an
// entry can say happens in it, which no past that chance makes can promise. Verdicts are
// those of the product's evaluators.
type chronicle struct {
	pen
	velero
	t       *testing.T
	dir     string
	key     ed25519.PrivateKey
	dice    dice
	start   time.Time
	starts  int
	defs    []*assess.Definition
	scopes  map[string]*control.Snapshot
	soc2    ledger.ScheduleRef
	version int
}

// chronicleLasts is how long it is.
const chronicleLasts = 3 * day

func chronicleStart() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }

// writeChronicle writes it.
func writeChronicle(t *testing.T) (string, kept) {
	t.Helper()
	start := chronicleStart()
	c := &chronicle{pen: pen{now: start, epoch: 1}, t: t, dir: filepath.Join(t.TempDir(), "volume"), start: start,
		key: newDice(4, "chronicle keys").key(), dice: newDice(4, "chronicle"), scopes: map[string]*control.Snapshot{}, version: 100_000}
	c.build()
	c.firstDay()
	c.secondDay()
	c.thirdDay()
	note, _, err := c.w.Checkpoint()
	c.must(err)
	known := kept{VerifierKeys: []string{c.w.VerifierKey()}, Held: []string{string(note)}}
	c.must(c.w.Close(context.Background()))
	return c.dir, known
}

func (c *chronicle) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("at %s: %v", c.now.Sub(c.start), err)
	}
}

// at sets the clock to a time since the start.
func (c *chronicle) at(since time.Duration) {
	c.t.Helper()
	if next := c.start.Add(since); next.Before(c.now) {
		c.t.Fatalf("%s comes after %s", since, c.now.Sub(c.start))
	} else {
		c.now = next
	}
}

// say records one entry, of now.
func (c *chronicle) say(e ledger.Entry, named ...ledger.Object) string {
	c.t.Helper()
	transitions, err := c.w.Write(ledger.Draft{At: c.now, Entry: e,
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, named, nil }})
	c.must(err)
	if !transitions[0].Changed {
		c.t.Fatalf("at %s: %s says nothing new", c.now.Sub(c.start), e.Kind)
	}
	return transitions[0].Entry.ID
}

func (c *chronicle) object(v any) ledger.Object {
	c.t.Helper()
	o, err := ledger.NewObject(v)
	c.must(err)
	return o
}

// process starts a process.
func (c *chronicle) process() {
	c.t.Helper()
	c.starts++
	c.epoch++
	args, may := c.object(arguments{[]string{"--ledger-dir=/var/lib/holdfast"}}), c.object(map[string][]string{"schedules.velero.io": {"get", "list", "watch", "create", "patch"}})
	pod := c.dice.uid()
	w, err := ledger.OpenWriter(context.Background(), ledger.WriterOptions{
		Options: ledger.Options{Dir: c.dir, Key: c.key, Head: ledger.FileHead{Path: c.dir + ".head"}, MinFree: 1 << 20, Holder: pod,
			Cluster: ledger.ClusterBody{KubeSystemUID: c.scopes[control.Cluster].Namespace.UID, CADigest: ledger.Digest([]byte("CA")), ServerVersion: "v1.36.3"},
			NewID:   func() (string, error) { return c.dice.hex(16), nil }},
		Operator: ledger.OperatorBody{Process: c.dice.hex(16), Version: fmt.Sprintf("v0.7.%d", c.starts), Revision: c.dice.hex(20),
			Image: "registry.example.com/holdfast@sha256:" + c.dice.hex(32), PodUID: pod, Arguments: args.Digest, Permissions: may.Digest, StartedAt: ledger.At(c.now)},
		OperatorObjects: []ledger.Object{args, may}})
	c.must(err)
	c.w = w
}

// beat writes a heartbeat.
func (c *chronicle) beat() {
	c.t.Helper()
	offset := int64(12 * time.Millisecond)
	c.say(ledger.Entry{Kind: ledger.KindHeartbeat, Alive: &ledger.AliveBody{Progress: map[string]ledger.Time{
		string(control.NeedNamespaces): ledger.At(c.now), string(control.NeedBackups): ledger.At(c.now)}, QueueAge: int64(time.Millisecond), ClockOffset: &offset}})
}

// definition is the newest of a policy; nil where there is none.
func (c *chronicle) definition(name string) *assess.Definition {
	for _, def := range c.defs {
		if def.Name == name {
			return def
		}
	}
	return nil
}

// edit puts a policy's next generation in force, and judges everything by it.
func (c *chronicle) edit(name string, spec v1alpha1.ControlPolicySpec, change ledger.ChangeBody) *assess.Definition {
	c.t.Helper()
	last := c.definition(name)
	object := &v1alpha1.ControlPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(c.dice.uid()), Generation: 1}, Spec: spec}
	change.Type = ledger.ChangeCreated
	if last != nil {
		object.UID, object.Generation = types.UID(last.UID), last.Generation+1
		change.Type, change.From = ledger.ChangeUpdated, last.SpecObject.Digest
	}
	def, err := assess.Define(object)
	c.must(err)
	change.To, change.Manager, change.Enforces, change.Invalid = def.SpecObject.Digest, "argocd-controller", def.Enforces(), def.Invalid
	c.say(ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: def.Ref(nil), Change: &change}, def.SpecObject)
	c.defs = append(slices.DeleteFunc(c.defs, func(d *assess.Definition) bool { return d.Name == name }), def)
	if def.Invalid != "" {
		return def
	}
	c.now = c.now.Add(3 * time.Second)
	c.pass()
	c.must(c.introduce(def, len(c.w.Known().Members(name))))
	return def
}

// names are the scopes in order: the cluster first.
func (c *chronicle) names() []string { return slices.Sorted(maps.Keys(c.scopes)) }

// pass is one pass over everything.
func (c *chronicle) pass() {
	c.t.Helper()
	for _, name := range c.names() {
		c.passOver(name, nil)
	}
	cluster := c.scopes[control.Cluster].Namespace.Subject()
	for _, def := range c.defs {
		drafts, _, err := c.decide(def, BackupControl, cluster, c.there(c.now))
		c.must(err)
		c.must(c.write(drafts...))
	}
}

// passOver is one pass over a scope; mark completes what it finds, and may be nil.
func (c *chronicle) passOver(name string, mark func(*ledger.Draft)) {
	c.t.Helper()
	c.look(name)
	for _, def := range c.defs {
		if def.Invalid != "" || def.Dispose(c.scopes[name].Namespace) != assess.InScope {
			continue
		}
		drafts, _ := c.judged(def, c.scopes[name])
		for i := range drafts {
			if mark != nil && drafts[i].Kind == ledger.KindOutcomeChanged {
				mark(&drafts[i])
			}
		}
		c.must(c.write(drafts...))
	}
}

// changed is a pass over a scope in which something changed a moment ago.
func (c *chronicle) changed(name string) {
	c.t.Helper()
	proven := ledger.At(c.now.Add(-20 * time.Second))
	c.passOver(name, func(d *ledger.Draft) {
		d.ProvenAt, d.Versions = &proven, map[string]string{string(control.NeedNamespaces): c.next()}
	})
}

// repaired records that Holdfast applied an object for a control, and what that made.
func (c *chronicle) repaired(policy, id, scope string, body ledger.ObjectBody) {
	c.t.Helper()
	c.now = c.now.Add(4 * time.Millisecond)
	c.act(ledger.KindRepaired, policy, id, scope, "", body)
	c.passOver(scope, func(d *ledger.Draft) { d.RepairedByUs = true })
}

// act records what was done to an object for a control.
func (c *chronicle) act(kind ledger.Kind, policy, id, scope, reason string, body ledger.ObjectBody) {
	c.t.Helper()
	def, subject := c.definition(policy), c.scopes[scope].Namespace.Subject()
	of, _ := def.Control(id)
	e := ledger.Entry{Kind: kind, Policy: def.Ref(of), Control: id, Subject: &subject, Object: &body, Reason: reason}
	if reason != "" {
		e.Message = "it was not done as it was to be done"
	}
	c.say(e)
}

// next is the next resourceVersion.
func (c *chronicle) next() string {
	c.version += 7
	return fmt.Sprint(c.version)
}

func (c *chronicle) made(uid string, generation int64) *ledger.ObjectVersion {
	return &ledger.ObjectVersion{UID: uid, ResourceVersion: c.next(), Generation: generation}
}
