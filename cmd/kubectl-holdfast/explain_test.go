package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// timeless replaces times of the cluster.
func timeless(text string) string {
	return regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:]{8}Z`).ReplaceAllString(text, "TIME                ")
}

func (e *environment) explain(t *testing.T) {
	e.published(t)
	out, errs, status := e.run(t, "explain", "NET-1")
	if status != statusDone || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	golden(t, "explain.txt", timeless(e.anonymous(out)))
}

func (e *environment) explainOne(t *testing.T) {
	e.published(t)
	out, errs, status := e.run(t, "explain", "baseline/NET-1", "shop")
	if status != statusDone || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	golden(t, "explain_one.txt", timeless(e.anonymous(out)))

	out, errs, status = e.run(t, "explain", "baseline/NET-1", "shop", "-o", "json")
	var got explainReport
	if err := json.Unmarshal([]byte(out), &got); err != nil || status != statusDone {
		t.Fatalf("status %d, %s %v in\n%s", status, errs, err, out)
	}
	want := []any{"Explanation", "baseline", "NET-1", v1alpha1.ModeObserve, 1, "shop", control.Deviating, "Drift", 3, 1, 1}
	if diff := cmp.Diff(want, []any{got.Kind, got.Policy, got.Control, got.Mode, len(got.Subjects), got.Subjects[0].Subject.Name,
		got.Subjects[0].Outcome, got.Subjects[0].Episode.Origin, got.Scope[assess.InScope], got.Scope[assess.Excluded], len(got.Transitions)}); diff != "" {
		t.Errorf("explanation (-want +got):\n%s", diff)
	}
	t.Run("with the ledger", func(t *testing.T) {
		w := write(t, day()...)
		out, errs, status := e.run(t, "explain", "NET-1", "shop", "--ledger", w.dir, "--last", "3")
		if status != statusDone || strings.Count(out, "2026-03-01T06:00:") != 3 || !strings.Contains(out, "the ledger in "+w.dir) {
			t.Errorf("status %d, %s, want 3 entries in\n%s", status, errs, out)
		}
	})
}

func (e *environment) explainNotJudged(t *testing.T) {
	e.policy(t, "observe.yaml")
	cases := map[string]string{
		"legacy":      `Not judged: namespace legacy is not in scope: spec.scope.exclusions takes it out, with the reason "RISK-112, moves to the new cluster".`,
		"lab":         "Not judged: namespace lab is not in scope: spec.scope.namespaceSelector does not select its labels (kubernetes.io/metadata.name=lab,tier=test).",
		"kube-system": "Not judged: namespace kube-system is not in scope: spec.scope.namespaceSelector does not select its labels",
	}
	for namespace, want := range cases {
		out, errs, status := e.run(t, "explain", "NET-1", namespace)
		if status != statusDone || !strings.Contains(out, want) {
			t.Errorf("status %d, %s, want %q in\n%s", status, errs, want, out)
		}
	}
}

// explainWithoutRights: what the user may not list is not evaluated, and said so.
func (e *environment) explainWithoutRights(t *testing.T) {
	e.policy(t, "observe.yaml")
	viewer := e.viewer(t, "networker", reading([]string{"networking.k8s.io"}, "networkpolicies"))
	out, errs, status := holdfast(t, append([]string{"explain", "NET-1", "web"}, viewer...)...)
	for _, want := range []string{"NotEvaluated   Forbidden", "Not observed: pods (Forbidden): what hangs on them is not known here.", "NP-01   Deviating",
		`{apiGroups: [""], resources: [pods], verbs: [list]}`} {
		if status != statusDone || !strings.Contains(out, want) {
			t.Errorf("status %d, %s, want %q in\n%s", status, errs, want, out)
		}
	}
	blind := e.as(t, "blind", reading([]string{v1alpha1.GroupVersion.Group}, "controlpolicies"))
	_, errs, status = holdfast(t, append([]string{"explain", "NET-1"}, blind...)...)
	want := "Error: you may not list namespaces: ask for get and list of them, without which nothing can be judged\n"
	if status != statusFailed || errs != want {
		t.Errorf("status %d, %q, want %q", status, errs, want)
	}
}

func (e *environment) explainNothing(t *testing.T) {
	expect := func(want string, args ...string) {
		t.Helper()
		_, errs, status := e.run(t, append([]string{"explain"}, args...)...)
		if status != statusFailed || errs != "Error: "+want+"\n" {
			t.Errorf("explain %v: status %d, %q, want %q", args, status, errs, want)
		}
	}
	expect("there is no control NET-1: the cluster has no ControlPolicy", "NET-1")
	first := e.policy(t, "observe.yaml")
	expect("there is no control NET-2: the cluster has baseline/NET-1", "NET-2")
	expect("there is no namespace none in the cluster, or you may not see it", "NET-1", "none")
	second := first.DeepCopy()
	second.Name, second.ResourceVersion = "other", ""
	e.create(t, second)
	expect("control NET-1 is in several policies: name one of baseline/NET-1, other/NET-1", "NET-1")
	if _, errs, status := e.run(t, "explain", "other/NET-1"); status != statusDone {
		t.Errorf("by its full name: status %d, %s", status, errs)
	}
}

func TestRecordedSaysWhatTheStatusTells(t *testing.T) {
	at := time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)
	episode := &v1alpha1.OpenEpisode{}
	episode.Since.Time = at.Add(-time.Hour)
	cases := map[string]struct {
		subject judged
		counts  *v1alpha1.ControlStatus
		want    string
	}{
		"no status":                          {judged{Outcome: control.Deviating}, nil, "nothing yet"},
		"an open episode":                    {judged{Outcome: control.Deviating, Episode: episode}, &v1alpha1.ControlStatus{Deviating: 1}, "open for 60m"},
		"ahead of the operator":              {judged{Outcome: control.Deviating}, &v1alpha1.ControlStatus{}, "no open episode"},
		"more episodes than the status has":  {judged{Outcome: control.Deviating}, &v1alpha1.ControlStatus{Deviating: 11}, "not in the status"},
		"conforming, and nothing to be said": {judged{Outcome: control.Conforming}, &v1alpha1.ControlStatus{Conforming: 3}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			report := &explainReport{Recorded: c.counts, Subjects: []judged{c.subject}}
			report.JudgedAt.Time = at
			if got := (explainText{report: report}).recorded(&c.subject); got != c.want {
				t.Errorf("recorded = %q, want %q", got, c.want)
			}
		})
	}
}

// TestExplainWhatTheOperatorLacks: its condition says what to grant, and so does
// an explanation.
func TestExplainWhatTheOperatorLacks(t *testing.T) {
	const message = `pods cannot be observed: Forbidden: grant {apiGroups: [""], resources: [pods], verbs: [list, watch]}`
	cases := map[string]struct {
		condition metav1.Condition
		want      bool
	}{
		"not evaluated": {metav1.Condition{Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonNotEvaluated, Message: message}, true},
		"deviating":     {metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonDeviating, Message: message}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.condition.Type = v1alpha1.ConditionConforming
			var out strings.Builder
			explainText{report: &explainReport{Conditions: []metav1.Condition{tc.condition}}, screen: screen{width: 400}}.print(&out)
			if got := strings.Contains(out.String(), "Unknown (NotEvaluated): "+message); got != tc.want {
				t.Errorf("said: %t, want %t, in\n%s", got, tc.want, out.String())
			}
		})
	}
}
