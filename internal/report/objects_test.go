package report_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

func ingress(namespace, name string) control.Subject {
	return control.Subject{Group: "networking.k8s.io", Kind: "Ingress", Namespace: namespace, Name: name, UID: "uid-" + namespace + "-" + name}
}

func volume(namespace, name string) control.Subject {
	return control.Subject{Kind: "PersistentVolume", Namespace: namespace, Name: name, UID: "uid-" + name}
}

func storageClass(name string) control.Subject {
	return control.Subject{Group: "storage.k8s.io", Kind: "StorageClass", Name: name, UID: "uid-" + name}
}

func clusterSubject() control.Subject {
	return control.ClusterNamespace("uid-kube-system", epoch).Subject()
}

// of states the state of a subject of the control C.
func of(s control.Subject, to control.Outcome, rules ...string) statement {
	return statement{policy: "p", control: "C", subject: s, to: to, rules: rules}
}

// encrypted is a ledger of a control that judges objects, over two namespaces of
// which one has an Ingress.
func encrypted(tb testing.TB) *scribe {
	tb.Helper()
	s := newScribe(tb)
	s.begin(ledger.OpenFirstInstall)
	s.at(minute).policy("p", isolation(v1alpha1.ModeEnforce, within(5*minute), "C"))
	for _, name := range []string{"pay", "shop"} {
		s.enter("p", namespace(name), false)
	}
	s.enterControl("p", "C", ingress("shop", "web"), false)
	s.state(of(ingress("shop", "web"), control.Conforming))
	s.introduce("p", "C")
	return s
}

// storyIngress: an Ingress comes, drifts, and is deleted while it deviates; another
// one deviates when its namespace leaves the scope.
func storyIngress(tb testing.TB) *scribe {
	tb.Helper()
	s := encrypted(tb)
	s.schedule(hour)
	s.beatUntil(30 * minute)
	api := ingress("shop", "api")
	s.at(30*minute).enterControl("p", "C", api, true)
	st := of(api, control.Deviating, "TR-01")
	st.origin = ledger.OriginNewSubject
	s.at(30*minute + 200*time.Millisecond).state(st)
	s.at(32 * minute).state(of(api, control.Conforming))
	s.beatUntil(hour)
	s.at(hour).collect(collection{slot: hour, next: 2 * hour})
	s.at(70 * minute).state(of(api, control.Deviating, "TR-03"))
	s.at(80*minute).leaveControl("p", "C", api, true)
	s.at(90 * minute).state(of(ingress("shop", "web"), control.Deviating, "TR-01", "TR-03"))
	s.at(100*minute).leave("p", namespace("shop"), false)
	s.at(2 * hour).collect(collection{slot: 2 * hour, next: 3 * hour})
	s.at(3 * hour).beat()
	return s
}

// storyVolumes: a volume whose class the cluster's scope judges, which is in the
// policy's scope for an hour.
func storyVolumes(tb testing.TB) *scribe {
	tb.Helper()
	s := encrypted(tb)
	data, gold := volume("pay", "data"), storageClass("gold")
	s.at(10*minute).enterControl("p", "C", data, false)
	s.state(of(data, control.Conforming))
	s.at(hour).enter("p", clusterSubject(), false)
	s.enterControl("p", "C", gold, false)
	st := of(gold, control.Deviating, "ER-01")
	st.origin = ledger.OriginEnteredScope
	s.state(st)
	s.state(of(clusterSubject(), control.Conforming))
	s.schedule(2 * hour)
	s.at(2 * hour).collect(collection{slot: 2 * hour, next: 3 * hour})
	s.at(2*hour+minute).leave("p", clusterSubject(), false)
	s.at(3 * hour).collect(collection{slot: 3 * hour, next: 4 * hour})
	s.at(4 * hour).beat()
	return s
}

// storyProbed: canaries show that Secrets are encrypted, then that they are not, and
// then nothing for longer than what was seen counts.
func storyProbed(tb testing.TB) *scribe {
	tb.Helper()
	s := encrypted(tb)
	s.at(10*minute).enter("p", clusterSubject(), false)
	canary := func(at time.Duration, unseen int, key string) {
		body := &ledger.ProbeBody{Of: control.ProbeCanary, BeganAt: *moment(at), Targets: 2, Unseen: unseen, ValidUntil: *moment(at + 2*hour),
			Observations: s.object(map[string]any{"seen": key}), For: []ledger.ProbedFor{{Policy: "p", Control: "C"}, {Policy: "q", Control: "C"}}}
		if key != "" {
			body.Keys = []ledger.SeenKey{{ID: key, FirstSeen: *moment(at)}}
		}
		s.at(at).write(ledger.Entry{Kind: ledger.KindProbed, Subject: new(clusterSubject()), Probe: body})
	}
	behaves := func(at time.Duration, to control.Outcome, rules ...string) {
		st := of(clusterSubject(), to, rules...)
		st.basis = control.BasisBehaviour
		s.at(at).state(st)
	}
	canary(10*minute+time.Second, 0, "secrets/aesgcm/v1/key1")
	behaves(10*minute+2*time.Second, control.Conforming)
	canary(70*minute, 1, "secrets/aesgcm/v1/key1")
	canary(130*minute, 0, "")
	behaves(130*minute+time.Second, control.Deviating, "ER-06")
	canary(190*minute, 2, "")
	behaves(250*minute, control.NotEvaluated, "ER-06")
	canary(400*minute, 0, "secrets/aesgcm/v1/key2")
	behaves(400*minute+time.Second, control.Conforming)
	s.at(8 * hour).beat()
	return s
}

// TestNamespacesWithoutObjectsAreNoSubjects: a namespace that is in the scope of a
// control which finds nothing there to judge is no unevaluated subject of it.
func TestNamespacesWithoutObjectsAreNoSubjects(t *testing.T) {
	s := storyIngress(t)
	r := folded(t, s, report.Query{From: moment(0), To: moment(s.now.Sub(epoch))})
	c := &r.Controls[0]
	got := map[string]int64{}
	for _, subject := range c.Subjects {
		got[subject.Subject.String()] = subject.Time.Due
	}
	want := map[string]int64{"Ingress shop/web": (99 * minute).Microseconds(), "Ingress shop/api": (50 * minute).Microseconds()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
	if c.Time.NotEvaluated != 200_000 || c.Census.Unit != "Ingress" || len(c.Left) != 1 || c.Left[0].Episode == "" {
		t.Errorf("not evaluated: %d, unit %q, left %+v", c.Time.NotEvaluated, c.Census.Unit, c.Left)
	}
	for _, made := range r.Collections {
		if !made.Agrees {
			t.Errorf("the collection of %s: %v", made.Slot, made.Disagreements)
		}
	}
}

// TestProbesOfARecord: how often was looked, and for how long nothing counted.
func TestProbesOfARecord(t *testing.T) {
	s := storyProbed(t)
	key := func(id string, at time.Duration) ledger.SeenKey {
		return ledger.SeenKey{ID: "secrets/aesgcm/v1/" + id, FirstSeen: *moment(at)}
	}
	keys := []ledger.SeenKey{key("key1", 10*minute+time.Second), key("key2", 400*minute)}
	stale := &report.Without{Interval: report.Interval{From: *moment(250 * minute), To: *moment(400 * minute)}}
	cases := map[string]struct {
		query report.Query
		want  report.Behaviour
	}{
		"all of it": {report.Query{From: moment(0), To: moment(8 * hour)}, report.Behaviour{Of: "Canary", Scopes: 1, Runs: 5, Targets: 10, Unseen: 3,
			First: moment(10*minute + time.Second), Last: moment(400 * minute), Without: stale, Keys: keys}},
		"while it counted": {report.Query{From: moment(hour), To: moment(4 * hour)}, report.Behaviour{Of: "Canary", Scopes: 1, Runs: 3, Targets: 6, Unseen: 3,
			First: moment(70 * minute), Last: moment(190 * minute), Keys: keys[:1]}},
		"while nobody looked": {report.Query{From: moment(5 * hour), To: moment(6 * hour)}, report.Behaviour{Of: "Canary", Scopes: 1,
			Last: moment(190 * minute), Without: &report.Without{Interval: report.Interval{From: *moment(5 * hour), To: *moment(6 * hour)}}, Keys: keys[:1]}},
		"an instant": {report.Query{AsOf: moment(5 * hour)}, report.Behaviour{Of: "Canary", Scopes: 1, Last: moment(190 * minute), Keys: keys[:1]}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := folded(t, s, tc.query)
			if diff := cmp.Diff([]report.Behaviour{tc.want}, r.Controls[0].Behaviour); diff != "" {
				t.Errorf("behaviour (-want +got):\n%s", diff)
			}
		})
	}
	if r := folded(t, storyIngress(t), report.Query{From: moment(0), To: moment(3 * hour)}); r.Controls[0].Behaviour != nil {
		t.Errorf("nothing was probed, and yet: %+v", r.Controls[0].Behaviour)
	}
}
