package collect_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/collect"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestCollect runs what needs an API server on one of them.
func TestCollect(t *testing.T) {
	c := startCluster(t)
	c.create(t, operatorsOwn, nil)
	c.create(t, "legacy", production)
	c.create(t, "test", map[string]string{"tier": "test"})
	for _, name := range []string{"conforming", "deviating"} {
		c.create(t, name, production)
	}
	if err := c.deny(t.Context(), "conforming"); err != nil {
		t.Fatal(err)
	}
	c.pulse(t)
	// Those that count all namespaces come before those that make some.
	for _, test := range []struct {
		name string
		run  func(*testing.T, *cluster)
	}{
		{"E1: a population re-derives from the manifest", testPopulation},
		{"E2: units that do not add up fail the collection", testMismatch},
		{"E2: objects and the cluster are counted kind by kind, in scope or not", testObjects},
		{"E11: objects that were missed are found", testMissedObjects},
		{"what rests on probes is not compared before there are any", testProbesAwaited},
		{"E3: a list that expires begins again", testExpired},
		{"a collection outlasts an API server that is started again", testOutage},
		{"and does not wait for it until the next slot", testOutageLasts},
		{"E4: what may not be read is not evaluated", testForbidden},
		{"E4: without namespaces there is no census", testNoNamespaces},
		{"a policy that is edited meanwhile is not compared", testEdited},
		{"nor one whose edit is recorded while it is listed", testEditedWhileListed},
		{"an invalid policy has a population, and no verdicts", testInvalid},
		{"E16: an evaluator that is not believed judges nothing", testDistrusted},
		{"nothing is collected while the ledger is unavailable", testUnavailable},
		{"E46: who has access is recorded where it changed", testAccess},
		{"E11: what was missed is found, read again and named", testDiscrepancies},
		{"E11: what a watch has not shown is superseded", testFrozen},
		{"E11: what changes meanwhile is superseded", testChurn},
		{"E11: a namespace that was replaced is stated as recorded", testReplaced},
		{"collections share what did not change", testDeduplication},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, c) })
	}
}

func complete(t *testing.T, r *collect.Result, want string) {
	t.Helper()
	e := r.Entry
	if e.Kind != ledger.KindCollected || e.Collection == nil || e.Collection.State != want || e.Collection.Manifest != r.Digest {
		t.Fatalf("got %s with %+v (%s: %s), want it %s", e.Kind, e.Collection, e.Reason, e.Message, want)
	}
	if (r.Manifest == nil) != (want == ledger.CollectionFailed) {
		t.Fatalf("the manifest is %+v", r.Manifest)
	}
	if e.Collection.Ended.Before(e.Collection.Started.Time) || e.Collection.Next == nil {
		t.Errorf("got %+v", e.Collection)
	}
}

// testPopulation: from the ledger alone, who was in scope, and what each was
// judged by, gives what the manifest says.
func testPopulation(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.recorded("conforming", control.Conforming)
	w.recorded("deviating", control.Deviating)
	r := w.collect()
	complete(t, r, ledger.CollectionCompleted)
	if e := w.entries(ledger.KindCollected); len(e) != 1 || e[0].ID != r.Entry.ID {
		t.Fatalf("got %+v", e)
	}
	var m ledger.Manifest
	w.object(r.Entry.Collection.Manifest, &m)
	var spec v1alpha1.ControlPolicySpec
	w.object(m.Policies[0].Spec, &spec)
	policy := baseline()
	policy.Spec = spec
	def := defined(t, policy)
	if def.Controls[0].Object.Digest != m.Policies[0].Controls[0].Input || def.Controls[0].Digest != m.Policies[0].Controls[0].Definition {
		t.Error("the spec defines another control")
	}
	census, population := ledger.Census{}, []string{}
	dispositions := map[string]string{}
	for _, s := range w.scopes(&m) {
		census.Total++
		snapshot := w.assembled(&s)
		if got := def.Dispose(snapshot.Namespace); string(got) != s.Standings[0].Disposition {
			t.Errorf("%s is %s, the manifest says %+v", s.Subject, got, s.Standings[0])
		}
		dispositions[s.Subject.Name] = s.Standings[0].Disposition + s.Standings[0].Exclusion
		switch def.Dispose(snapshot.Namespace) {
		case assess.NotSelected:
			census.NotSelected++
			continue
		case assess.Excluded:
			census.Excluded++
			continue
		case assess.InScope:
		}
		units := assess.Judge(def, snapshot, time.Now())
		if len(units) != 1 || len(s.Units) != 1 || !units[0].State.Equal(s.Units[0].State) {
			t.Errorf("%s: judged by its inputs %+v, the manifest says %+v", s.Subject, units, s.Units)
		}
		population = append(population, ledger.UnitID(units[0].Subject))
		switch units[0].State.Outcome {
		case control.Conforming:
			census.Conforming++
		case control.Deviating:
			census.Deviating++
		}
		w.sameAsEntry(&s)
	}
	got := m.Policies[0].Controls[0]
	if diff := cmp.Diff(census, got.Census); diff != "" || census.Total != census.Sum() {
		t.Errorf("census (-counted +manifest):\n%s", diff)
	}
	if got.Population != ledger.PopulationDigest(population) || len(population) != 2 {
		t.Errorf("the population of %d has another digest", len(population))
	}
	if dispositions["legacy"] != "Excluded0" || dispositions["test"] != "NotSelected" || dispositions["conforming"] != "InScope" {
		t.Errorf("got %v", dispositions)
	}
	if got.IntroducedAt == nil || got.OperatingFrom == nil || got.Unit != "Namespace" || got.Type != "networkIsolation" || m.Policies[0].Since.IsZero() {
		t.Errorf("got %+v", got)
	}
	for _, l := range m.Lists {
		if l.ResourceVersion == "" || l.Pages == 0 || !strings.HasPrefix(l.Query, "/api") || l.Failed != "" || l.To.Before(l.From.Time) {
			t.Errorf("got %+v", l)
		}
	}
	if m.Seq == 0 || m.Seq > r.Entry.Seq || r.Entry.Collection.Compared != 2 || m.Access == "" {
		t.Errorf("got seq %d of %d, %+v", m.Seq, r.Entry.Seq, r.Entry.Collection)
	}
	w.verified()
}

// sameAsEntry checks that the inputs of a scope are those of the entry that its
// unit refers to.
func (w *world) sameAsEntry(s *ledger.ManifestScope) {
	w.tb.Helper()
	u := s.Units[0]
	for _, e := range w.entries(ledger.KindOutcomeChanged) {
		if e.ID == u.Entry {
			if e.Episode != u.Episode || !e.ObservedAt.Equal(u.Since.Time) {
				w.tb.Errorf("%s: entry %+v, unit %+v", s.Subject, e, u)
			}
			return
		}
	}
	w.tb.Errorf("%s: there is no entry %q", s.Subject, u.Entry)
}

// testMismatch: an evaluator that judges something else than the namespace would
// make the census wrong.
func testMismatch(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.recorded("deviating", control.Deviating)
	odd := defined(t, baseline())
	odd.Controls[0].Kind = &twice{odd.Controls[0].Kind}
	r := w.collect(func(_ *collect.Options, req *collect.Request) { req.Definitions = []*assess.Definition{odd} })
	complete(t, r, ledger.CollectionFailed)
	if r.Entry.Reason != collect.ReasonCensusMismatch || !strings.Contains(r.Entry.Message, "NET-1") {
		t.Errorf("got %s: %s", r.Entry.Reason, r.Entry.Message)
	}
}

// twice is a control type that finds one more subject than there is.
type twice struct{ control.Control }

func (c *twice) Evaluate(in control.Input) []control.Finding {
	found := c.Control.Evaluate(in)
	more := found[0]
	more.Subject.Name += "-again"
	return append(found, more)
}

func testExpired(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.recorded("deviating", control.Deviating)
	var times, consistent atomic.Int32
	times.Store(2)
	r := w.collect(func(o *collect.Options, _ *collect.Request) {
		o.PageSize = 2
		o.Config = wrapped(o.Config, func(next roundTripper) roundTripper {
			return func(r *http.Request) (*http.Response, error) {
				query := r.URL.Query()
				if query.Get("continue") == inconsistent {
					consistent.Add(1)
				}
				if r.URL.Path == "/api/v1/namespaces" && query.Has("continue") && times.Add(-1) >= 0 {
					return expired(r)
				}
				return next(r)
			}
		})
	})
	complete(t, r, ledger.CollectionCompleted)
	if n := consistent.Load(); n > 0 {
		t.Errorf("%d requests went on inconsistently", n)
	}
	l := r.Manifest.Lists[0]
	if l.Resource != "namespaces" || l.Restarts != 2 || l.Count != r.Manifest.Policies[0].Controls[0].Census.Total {
		t.Errorf("got %+v of %+v", l, r.Manifest.Policies[0].Controls[0].Census)
	}

	times.Store(1000)
	r = w.collect(func(o *collect.Options, _ *collect.Request) {
		o.PageSize = 1
		o.Config = wrapped(o.Config, func(next roundTripper) roundTripper {
			return func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/apis/networking.k8s.io/v1/networkpolicies" {
					return expired(r)
				}
				return next(r)
			}
		})
	})
	complete(t, r, ledger.CollectionPartial)
	if u := w.unitOf(r.Manifest, "conforming"); u.State.Outcome != control.NotEvaluated || r.Entry.Reason != collect.ReasonListFailed {
		t.Errorf("got %+v, and %s: %s", u.State, r.Entry.Reason, r.Entry.Message)
	}
	if got := w.entries(ledger.KindDiscrepancy); len(got) > 0 || r.Entry.Collection.Superseded > 0 {
		t.Errorf("what could not be read was compared: %+v", got)
	}
	w.verified()
}

// testOutage: a slot that falls into the seconds in which no API server answers is
// collected all the same, whatever they interrupt, and the manifest says how often was
// asked.
func testOutage(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.recorded("conforming", control.Conforming)
	w.recorded("deviating", control.Deviating)
	// A change that nobody judged has its namespace read again.
	c.create(t, "outage-missed", production)
	defer c.drop(t, "outage-missed")
	w.recorded("outage-missed", control.Deviating)
	w.engine.hear("outage-missed", false)
	if err := c.deny(t.Context(), "outage-missed"); err != nil {
		t.Fatal(err)
	}
	lost := map[string]bool{
		"/api/v1/namespaces": true, "/apis/rbac.authorization.k8s.io/v1/clusterroles": true,
		"/apis/networking.k8s.io/v1/namespaces/outage-missed/networkpolicies": true,
	}
	r := w.collect(func(o *collect.Options, _ *collect.Request) {
		o.Config = wrapped(o.Config, func(next roundTripper) roundTripper {
			return func(r *http.Request) (*http.Response, error) {
				if lost[r.URL.Path] {
					delete(lost, r.URL.Path)
					return nil, syscall.ECONNREFUSED
				}
				return next(r)
			}
		})
	})
	complete(t, r, ledger.CollectionCompleted)
	if len(lost) > 0 {
		t.Errorf("never asked for: %v", lost)
	}
	i := slices.IndexFunc(r.Manifest.Lists, func(l ledger.ManifestList) bool { return l.Resource == "namespaces" })
	if l := r.Manifest.Lists[i]; l.Restarts != 1 || l.Failed != "" {
		t.Errorf("got %+v, want it read when asked again", l)
	}
	if b := r.Entry.Collection; b.Compared != 3 || b.Discrepancies != 1 {
		t.Errorf("got %+v, want three units compared, and one that was missed", b)
	}
	for _, e := range w.entries(ledger.KindAccessObserved) {
		if e.Reason != "" {
			t.Errorf("who has access was not read: %s", e.Reason)
		}
	}
	w.verified()
}

// testOutageLasts: what never answers does not keep a collection until the next slot.
func testOutageLasts(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.recorded("deviating", control.Deviating)
	r := w.collect(func(o *collect.Options, req *collect.Request) {
		req.Next = new(req.Slot.Add(time.Second))
		o.Outage = time.Hour
		o.Config = wrapped(o.Config, func(next roundTripper) roundTripper {
			return func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/api/v1/pods" {
					return nil, syscall.ECONNREFUSED
				}
				return next(r)
			}
		})
	})
	complete(t, r, ledger.CollectionPartial)
	i := slices.IndexFunc(r.Manifest.Lists, func(l ledger.ManifestList) bool { return l.Resource == "pods" })
	if l := r.Manifest.Lists[i]; l.Restarts == 0 || l.Failed != control.ReasonFailed {
		t.Errorf("got %+v, want it asked for more than once", l)
	}
}

func testForbidden(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.recorded("conforming", control.Conforming)
	user := c.user(t, "collector", "namespaces", "pods", "networkpolicies", "services", "ingresses", "endpointslices")
	r := w.collect(func(o *collect.Options, _ *collect.Request) { o.Config = user })
	complete(t, r, ledger.CollectionPartial)
	if !strings.Contains(r.Entry.Message, "validatingwebhookconfigurations could not be read: Forbidden") {
		t.Errorf("got %s: %s", r.Entry.Reason, r.Entry.Message)
	}
	failed := map[string]string{}
	for _, l := range r.Manifest.Lists {
		if l.Failed != "" {
			failed[l.Resource] = l.Failed
		}
	}
	want := map[string]string{}
	for _, resource := range []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations", "customresourcedefinitions", "apiservices"} {
		want[resource] = control.ReasonForbidden
	}
	if diff := cmp.Diff(want, failed); diff != "" {
		t.Errorf("lists that failed (-want +got):\n%s", diff)
	}
	// What was seen deviates all the same; what was not seen conforms to nobody.
	if u := w.unitOf(r.Manifest, "conforming"); u.State.Outcome != control.NotEvaluated {
		t.Errorf("got %+v", u.State)
	}
	if u := w.unitOf(r.Manifest, "deviating"); u.State.Outcome != control.Deviating {
		t.Errorf("got %+v", u.State)
	}
	if census := r.Manifest.Policies[0].Controls[0].Census; census.NotEvaluated != 1 || census.Sum() != census.Total {
		t.Errorf("got %+v", census)
	}
	if r.Entry.Collection.Compared != 0 || len(w.entries(ledger.KindDiscrepancy)) > 0 {
		t.Errorf("what could not be read completely was compared: %+v", r.Entry.Collection)
	}
	w.verified()
}

func testNoNamespaces(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	user := c.user(t, "nobody")
	r := w.collect(func(o *collect.Options, _ *collect.Request) { o.Config = user })
	complete(t, r, ledger.CollectionFailed)
	if r.Entry.Reason != collect.ReasonListFailed || !strings.Contains(r.Entry.Message, "namespaces could not be read: Forbidden") {
		t.Errorf("got %s: %s", r.Entry.Reason, r.Entry.Message)
	}
	slow := w.collect(func(o *collect.Options, _ *collect.Request) {
		o.PageTimeout, o.Outage = 100*time.Millisecond, time.Nanosecond
		o.Config = wrapped(o.Config, func(next roundTripper) roundTripper {
			return func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/api/v1/namespaces" {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				return next(r)
			}
		})
	})
	complete(t, slow, ledger.CollectionFailed)
	if !strings.Contains(slow.Entry.Message, "namespaces could not be read: TimedOut") {
		t.Errorf("got %s: %s", slow.Entry.Reason, slow.Entry.Message)
	}
}

func testEdited(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.recorded("deviating", control.Deviating)
	absent := w.collect(func(_ *collect.Options, req *collect.Request) { req.NotInForce = []string{"other"} })
	complete(t, absent, ledger.CollectionPartial)
	if absent.Entry.Reason != collect.ReasonPolicyInvalid || absent.Entry.Message != "policy other is not in force" {
		t.Errorf("got %s: %s", absent.Entry.Reason, absent.Entry.Message)
	}
	next := defined(t, stricter())
	r := w.collect(func(_ *collect.Options, req *collect.Request) { req.Definitions = []*assess.Definition{next} })
	complete(t, r, ledger.CollectionPartial)
	if r.Entry.Reason != collect.ReasonPolicyChanged || !strings.Contains(r.Entry.Message, "baseline") || r.Entry.Collection.Compared != 0 {
		t.Errorf("got %s: %s, %+v", r.Entry.Reason, r.Entry.Message, r.Entry.Collection)
	}
	if u := w.unitOf(r.Manifest, "conforming"); u.State.Outcome != control.Deviating || r.Manifest.Policies[0].Generation != 2 {
		t.Errorf("got %+v by %+v", u, r.Manifest.Policies[0])
	}
	w.verified()
}

// testEditedWhileListed: the new generation, and what it gives, is recorded after
// the collection began, and before it compares.
func testEditedWhileListed(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.recorded("conforming", control.Conforming)
	w.engine.hear("conforming", false) // it would judge by the first generation again
	w.eventually("no pass to be due", func() bool { return w.engine.settled("conforming") })
	next := defined(t, stricter())
	var once sync.Once
	r := w.collect(func(o *collect.Options, _ *collect.Request) {
		o.Config = wrapped(o.Config, func(through roundTripper) roundTripper {
			return func(r *http.Request) (*http.Response, error) {
				once.Do(func() { w.recorder.Record(append(introduction(next), w.judged(next, "conforming")...)...) })
				return through(r)
			}
		})
	})
	complete(t, r, ledger.CollectionPartial)
	w.recorded("conforming", control.Deviating)
	if u := w.unitOf(r.Manifest, "conforming"); u.State.Outcome != control.Conforming || r.Entry.Reason != collect.ReasonPolicyChanged {
		t.Errorf("got %+v, and %s: %s", u.State, r.Entry.Reason, r.Entry.Message)
	}
	w.verified()
}

// stricter is the second generation of the baseline: it denies egress too, and
// has the namespace test in its scope.
func stricter() *v1alpha1.ControlPolicy {
	return baseline(func(p *v1alpha1.ControlPolicy) {
		p.Generation = 2
		p.Spec.Scope.NamespaceSelector = metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"production", "test"}}}}
		isolation := p.Spec.Controls[0].NetworkIsolation
		isolation.DefaultDeny = append(isolation.DefaultDeny, v1alpha1.DirectionEgress)
	})
}

// judged drafts the states of a namespace by a definition.
func (w *world) judged(def *assess.Definition, namespace string) []ledger.Draft {
	snapshot, err := w.observer.Snapshot(namespace)
	if err != nil {
		w.tb.Error(err)
		return nil
	}
	var drafts []ledger.Draft
	for _, u := range assess.Judge(def, snapshot, time.Now()) {
		drafts = append(drafts, outcome(&u, u.State, time.Now()))
	}
	return drafts
}

func testInvalid(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.recorded("deviating", control.Deviating)
	odd := defined(t, baseline())
	odd.Invalid = "spec.controls[NET-1].operatingFrom: is fixed"
	r := w.collect(func(_ *collect.Options, req *collect.Request) { req.Definitions = []*assess.Definition{odd} })
	complete(t, r, ledger.CollectionPartial)
	if r.Entry.Reason != collect.ReasonPolicyInvalid {
		t.Errorf("got %s: %s", r.Entry.Reason, r.Entry.Message)
	}
	if census := r.Manifest.Policies[0].Controls[0].Census; census.NotEvaluated != 2 || census.Sum() != census.Total {
		t.Errorf("got %+v", census)
	}
	u := w.unitOf(r.Manifest, "deviating")
	if u.State.Rules[0].Reason != ledger.CauseInvalidPolicy || r.Entry.Collection.Compared != 0 {
		t.Errorf("got %+v, %+v", u, r.Entry.Collection)
	}
	w.verified()
}

// testDistrusted: a collection believes an evaluator no more than a pass does.
func testDistrusted(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.recorded("conforming", control.Conforming)
	r := w.collect(func(o *collect.Options, _ *collect.Request) {
		o.Distrusted = func(typ string) bool { return typ == "networkIsolation" }
	})
	u := w.unitOf(r.Manifest, "conforming")
	if u.State.Outcome != control.NotEvaluated || u.State.Rules[0].Reason != control.ReasonSelfTestFailed {
		t.Errorf("got %+v", u.State)
	}
}

func testUnavailable(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	closed := ledger.NewRecorder(ledger.RecorderOptions{Now: time.Now, Log: w.options.Log})
	w.options.Recorder = closed
	if _, err := collect.New(w.options).Collect(t.Context(), collect.Request{}); !errors.Is(err, collect.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
