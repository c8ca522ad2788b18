package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

const (
	minute = time.Minute
	hour   = time.Hour
)

// net is the statement that most stories make: of p/NET-1.
func net(name string, to control.Outcome, rules ...string) statement {
	return statement{policy: "p", control: "NET-1", subject: namespace(name), to: to, rules: rules}
}

// settled is a ledger of one enforcing control over two namespaces that conform,
// introduced one minute after the epoch, with a heartbeat every five minutes to come.
func settled(tb testing.TB) *scribe {
	tb.Helper()
	s := newScribe(tb)
	s.begin(ledger.OpenFirstInstall)
	s.at(minute).policy("p", isolation(v1alpha1.ModeEnforce, within(5*minute), "NET-1"))
	for _, name := range []string{"pay", "shop"} {
		s.enter("p", namespace(name), false)
		s.state(net(name, control.Conforming))
	}
	s.introduce("p", "NET-1")
	return s
}

// beatUntil lets hearts beat every five minutes, up to and not at until.
func (s *scribe) beatUntil(until time.Duration) {
	for at := s.now.Sub(epoch).Truncate(5*minute) + 5*minute; at < until; at += 5 * minute {
		s.at(at).beat()
	}
}

// drift has a namespace drift, and be repaired nine milliseconds later.
func (s *scribe) drift(at time.Duration, name, manager string) {
	st := net(name, control.Deviating, "NP-01")
	st.proven = new(epoch.Add(at - 2*time.Second))
	s.at(at).state(st)
	s.at(at+9*time.Millisecond).act(ledger.KindRepaired, "p", "NET-1", namespace(name), manager)
	st = net(name, control.Conforming)
	st.ending = ledger.EndingRepaired
	s.state(st)
}

// stories are small ledgers, each with one thing that happens, and the queries
// whose records are kept.
func stories() map[string]func(testing.TB) *scribe {
	return map[string]func(testing.TB) *scribe{
		"stopped-for-three-slots": storyStopped,
		"api-server-away":         storyAway,
		"permission-lost":         storyForbidden,
		"clock-set-back":          storyClock,
		"watch-frozen":            storyFrozen,
		"volume-restored":         storyRestored,
		"introduced-late":         storyLate,
		"tolerance-loosened":      storyLoosened,
		"relabelled-out-of-scope": storyRelabelled,
		"new-and-deleted":         storyNewAndDeleted,
		"fought":                  storyFought,
		"pruned":                  storyPruned,
		"ingress-comes-and-goes":  storyIngress,
		"volumes-and-the-cluster": storyVolumes,
		"probe-turns-a-verdict":   storyProbed,
	}
}

func storyStopped(tb testing.TB) *scribe {
	tb.Helper()
	s := settled(tb)
	s.schedule(hour)
	s.beatUntil(hour)
	s.at(hour).collect(collection{slot: hour, next: 2 * hour})
	s.beatUntil(90 * minute)
	s.drift(91*minute, "shop", "kubectl-edit")
	s.at(95 * minute).write(ledger.Entry{Kind: ledger.KindOperatorStopped})
	s.at(4*hour + 30*minute).start()
	s.missed(2*hour, 4*hour, 3, 5*hour)
	s.gap(ledger.GapBody{Cause: ledger.CauseNotRunning, From: *moment(95 * minute), To: moment(4*hour + 30*minute)})
	st := net("pay", control.Deviating, "NP-01")
	st.origin = ledger.OriginAfterGap
	s.state(st)
	s.at(4*hour+30*minute+20*time.Millisecond).act(ledger.KindRepaired, "p", "NET-1", namespace("pay"), "helm")
	st = net("pay", control.Conforming)
	st.ending = ledger.EndingRepaired
	s.state(st)
	s.beatUntil(5 * hour)
	s.at(5 * hour).collect(collection{slot: 5 * hour, next: 6 * hour})
	s.anchor(5*hour + minute)
	s.beatUntil(6 * hour)
	s.at(6 * hour).beat()
	return s
}

func storyAway(tb testing.TB) *scribe {
	tb.Helper()
	s := settled(tb)
	s.schedule(hour)
	s.beatUntil(hour)
	s.at(hour).collect(collection{slot: hour, next: 2 * hour})
	var ids []string
	kinds := []string{"namespaces", "networkpolicies", "pods"}
	for _, kind := range kinds {
		ids = append(ids, s.at(112*minute).gap(ledger.GapBody{Cause: ledger.CauseUnreachable, Kind: kind, From: *moment(110 * minute)}))
	}
	s.at(2 * hour).collect(collection{slot: 2 * hour, next: 3 * hour, state: ledger.CollectionFailed})
	s.at(3 * hour).collect(collection{slot: 3 * hour, next: 4 * hour, state: ledger.CollectionFailed})
	for i, kind := range kinds {
		s.at(200 * minute).gap(ledger.GapBody{Cause: ledger.CauseUnreachable, Kind: kind, From: *moment(110 * minute), To: moment(200 * minute), Ends: ids[i]})
	}
	s.at(4 * hour).collect(collection{slot: 4 * hour, next: 5 * hour})
	s.at(5 * hour).collect(collection{slot: 5 * hour, next: 6 * hour, late: true})
	s.at(6 * hour).beat()
	return s
}

func storyForbidden(tb testing.TB) *scribe {
	tb.Helper()
	s := settled(tb)
	s.schedule(hour)
	s.at(50 * minute).write(ledger.Entry{Kind: ledger.KindPermissionChanged, Reason: "Lost", Message: "the permission to list and watch networkpolicies is missing"})
	id := s.gap(ledger.GapBody{Cause: ledger.CauseForbidden, Kind: "networkpolicies", From: *moment(49 * minute)})
	s.at(hour).collect(collection{slot: hour, next: 2 * hour, state: ledger.CollectionPartial, alter: func(m *ledger.Manifest, c *ledger.ManifestChunk) {
		m.Lists = append(m.Lists, ledger.ManifestList{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies",
			Query: "/apis/networking.k8s.io/v1/networkpolicies", Failed: "Forbidden", From: *moment(hour), To: *moment(hour)})
		for i := range c.Scopes {
			for j := range c.Scopes[i].Units {
				c.Scopes[i].Units[j].State = control.State{Outcome: control.NotEvaluated, Rules: []control.RuleState{{Rule: "NP-01", Reason: "Forbidden"}}}
			}
		}
	}})
	s.at(70 * minute).gap(ledger.GapBody{Cause: ledger.CauseForbidden, Kind: "networkpolicies", From: *moment(49 * minute), To: moment(70 * minute), Ends: id})
	s.at(2 * hour).collect(collection{slot: 2 * hour, next: 3 * hour})
	return s
}

func storyClock(tb testing.TB) *scribe {
	tb.Helper()
	s := settled(tb)
	s.beatUntil(hour)
	s.at(hour).state(net("shop", control.Deviating, "NP-01"))
	s.at(70 * minute).beat()
	// The wall clock is set back by twenty minutes; the process goes on.
	s.started = s.started.Add(-20 * minute)
	s.at(51 * minute).gap(ledger.GapBody{Cause: ledger.CauseClockStepped, From: *moment(50 * minute), To: moment(70 * minute)})
	s.at(75*minute).act(ledger.KindRepaired, "p", "NET-1", namespace("shop"), "kubectl-edit")
	st := net("shop", control.Conforming)
	st.ending = ledger.EndingRepaired
	s.state(st)
	s.at(2 * hour).beat()
	return s
}

func storyFrozen(tb testing.TB) *scribe {
	tb.Helper()
	s := settled(tb)
	s.beatUntil(hour)
	// The watch delivers nothing after an hour. It is found five minutes later.
	s.at(hour).beat()
	id := s.at(65 * minute).gap(ledger.GapBody{Cause: ledger.CauseWatchStalled, Kind: "networkpolicies", From: *moment(hour - minute)})
	s.at(66 * minute).gap(ledger.GapBody{Cause: ledger.CauseWatchStalled, Kind: "networkpolicies", From: *moment(hour - minute), To: moment(66 * minute), Ends: id})
	st := net("shop", control.Deviating, "NP-01")
	st.origin = ledger.OriginAfterGap
	s.state(st)
	s.at(67 * minute).state(net("shop", control.Conforming))
	s.at(2 * hour).beat()
	return s
}

func storyRestored(tb testing.TB) *scribe {
	tb.Helper()
	s := settled(tb)
	s.beatUntil(hour)
	s.at(hour).state(net("shop", control.Deviating, "NP-01"))
	s.at(hour + minute).beat()
	s.at(80 * minute).begin(ledger.OpenVolumeRegressed)
	s.specs, s.defs = map[string]*ledger.PolicyRef{}, map[string]map[string]string{}
	s.at(80*minute+time.Second).policy("p", isolation(v1alpha1.ModeEnforce, within(5*minute), "NET-1"))
	for _, name := range []string{"pay", "shop"} {
		s.enter("p", namespace(name), false)
	}
	s.state(net("pay", control.Conforming))
	st := net("shop", control.Deviating, "NP-01")
	st.origin = ledger.OriginBaseline
	s.state(st)
	s.introduce("p", "NET-1")
	s.at(81 * minute).state(net("shop", control.Conforming))
	s.at(2 * hour).beat()
	return s
}

func storyLate(tb testing.TB) *scribe {
	tb.Helper()
	s := newScribe(tb)
	s.begin(ledger.OpenFirstInstall)
	s.at(hour).policy("p", isolation(v1alpha1.ModeObserve, within(5*minute), "NET-1"))
	for _, name := range []string{"pay", "shop", "web"} {
		s.enter("p", namespace(name), false)
	}
	for _, name := range []string{"pay", "shop"} {
		st := net(name, control.Deviating, "NP-01")
		st.origin = ledger.OriginBaseline
		s.state(st)
	}
	s.at(hour + minute).state(net("pay", control.Conforming))
	s.at(hour + 2*minute).state(net("web", control.Conforming))
	s.introduce("p", "NET-1")
	s.at(2 * hour).state(net("shop", control.Conforming))
	s.at(3 * hour).beat()
	return s
}

func storyLoosened(tb testing.TB) *scribe {
	tb.Helper()
	s := newScribe(tb)
	s.begin(ledger.OpenFirstInstall)
	s.at(minute).policy("p", isolation(v1alpha1.ModeObserve, within(5*minute), "NET-1"))
	s.enter("p", namespace("shop"), false)
	s.state(net("shop", control.Conforming))
	s.introduce("p", "NET-1")
	deviate := func(at time.Duration) {
		st := net("shop", control.Deviating, "NP-01")
		st.proven = new(epoch.Add(at))
		s.at(at).state(st)
		st = net("shop", control.Conforming)
		st.proven = new(epoch.Add(at + 10*minute))
		s.at(at + 10*minute).state(st)
	}
	deviate(hour)
	// Another episode is open while the tolerance is loosened.
	s.at(2 * hour).state(net("shop", control.Deviating, "NP-01"))
	s.at(2*hour+minute).policyChange("p", isolation(v1alpha1.ModeObserve, within(20*minute), "NET-1"),
		ledger.ChangeBody{Paths: []string{"spec.tolerance.correctionWithin"}, ChangeRef: "CHG-1"})
	s.introduce("p", "NET-1")
	s.at(2*hour + 10*minute).state(net("shop", control.Conforming))
	deviate(26 * hour)
	st := net("shop", control.Deviating, "NP-01")
	st.evaluator = 2
	s.at(30 * hour).state(st)
	s.at(31 * hour).beat()
	return s
}

func storyRelabelled(tb testing.TB) *scribe {
	tb.Helper()
	s := settled(tb)
	s.beatUntil(hour)
	s.at(hour).state(net("shop", control.Deviating, "NP-01"))
	s.at(hour+2*minute).leave("p", namespace("shop"), false)
	s.at(30*hour).enter("p", namespace("shop"), false)
	s.state(net("shop", control.Conforming))
	s.at(31 * hour).beat()
	return s
}

func storyNewAndDeleted(tb testing.TB) *scribe {
	tb.Helper()
	s := settled(tb)
	for i, name := range []string{"blue", "green"} {
		at := hour + time.Duration(i)*10*time.Second + 400*time.Millisecond
		s.at(at).enter("p", namespace(name), true)
		st := net(name, control.Deviating, "NP-01")
		st.origin = ledger.OriginNewSubject
		s.state(st)
		s.at(at+30*time.Millisecond).act(ledger.KindRepaired, "p", "NET-1", namespace(name), "")
		st = net(name, control.Conforming)
		st.ending = ledger.EndingRepaired
		s.state(st)
	}
	// What goes with its namespace begins no episode.
	deleted := []ledger.SourceTime{{Field: "metadata.deletionTimestamp", Value: *moment(2 * hour), Resolution: int64(time.Second)}}
	s.at(2*hour + 100*time.Millisecond).state(net("blue", control.Deviating, "NP-01"))
	st := net("blue", control.NotApplicable)
	st.ending, st.source = ledger.EndingSubjectDeleted, deleted
	s.at(2*hour + 300*time.Millisecond).state(st)
	s.at(2*hour+5*time.Second).leave("p", namespace("blue"), true)
	s.at(3 * hour).beat()
	return s
}

func storyFought(tb testing.TB) *scribe {
	tb.Helper()
	s := settled(tb)
	for i := range 4 {
		s.drift(hour+time.Duration(i)*30*time.Second, "shop", "flux")
	}
	s.at(2 * hour).state(net("shop", control.Deviating, "NP-01"))
	s.act(ledger.KindContested, "p", "NET-1", namespace("shop"), "flux")
	s.at(2*hour + minute).state(net("shop", control.Conforming))
	for day := range 3 {
		s.drift(time.Duration(day+1)*24*hour, "pay", "helm")
	}
	paused := isolation(v1alpha1.ModeEnforce, within(5*minute), "NET-1")
	paused.Enforcement = &v1alpha1.Enforcement{Pause: &v1alpha1.Pause{Reason: "migration CHG-881"}}
	paused.Enforcement.Pause.Until.Time = epoch.Add(82 * hour)
	s.at(80*hour).policy("p", paused)
	s.at(81 * hour).state(net("shop", control.Deviating, "NP-01"))
	s.act(ledger.KindRepairFailed, "p", "NET-1", namespace("shop"), "flux")
	s.at(90 * hour).write(ledger.Entry{Kind: ledger.KindUnobservedChange, Subject: new(namespace("pay")), Object: &ledger.ObjectBody{
		APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy", Namespace: "pay", Name: "deny",
		Before: &ledger.ObjectVersion{UID: "np", ResourceVersion: "4", Generation: 3}, After: &ledger.ObjectVersion{UID: "np", ResourceVersion: "9", Generation: 6}}})
	s.beat()
	return s
}

func storyPruned(tb testing.TB) *scribe {
	tb.Helper()
	s := settled(tb)
	s.schedule(hour)
	s.at(50 * minute).state(net("shop", control.Deviating, "NP-01"))
	kept := len(s.entries[s.id()])
	s.at(55 * minute).beat()
	s.at(hour).collect(collection{slot: hour, next: 2 * hour})
	s.at(70 * minute).state(net("shop", control.Conforming))
	s.at(2 * hour).collect(collection{slot: 2 * hour, next: 3 * hour})
	for i := range kept {
		s.entries[s.id()][i] = nil
	}
	return s
}

var update = flag.Bool("update", os.Getenv("UPDATE_GOLDEN") != "", "write the golden records anew")

// TestE29GoldenRecords: the record of each story is the one that was looked at,
// byte for byte. UPDATE_GOLDEN=1 writes them anew.
func TestE29GoldenRecords(t *testing.T) {
	for name, story := range stories() {
		t.Run(name, func(t *testing.T) {
			s := story(t)
			r := folded(t, s, report.Query{From: moment(0), To: moment(s.now.Sub(epoch))})
			data, err := json.MarshalIndent(r, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".golden.json")
			if *update {
				if err := os.WriteFile(file, append(data, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(append(bytes.TrimSpace(data), '\n'))); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}
