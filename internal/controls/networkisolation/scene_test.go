package networkisolation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// scene builds a namespace, web, under a control that denies both directions in
// Observe mode. Objects are written as the inner part of a YAML flow mapping.
type scene struct {
	t testing.TB
	control.Input
}

// judged is a case of the tables: the finding of one rule on a scene.
type judged struct {
	scene *scene
	// want is outcome, reason, and culprits after a colon.
	want string
	// wantFacts are all facts, where they matter.
	wantFacts map[string]string
}

func bare(t *testing.T) *scene {
	t.Helper()
	return &scene{t: t, Input: input(v1alpha1.ModeObserve)}
}

// denied is a scene in which every pod is isolated.
func denied(t *testing.T) *scene {
	t.Helper()
	return bare(t).policy("deny-all", `podSelector: {}, policyTypes: [Ingress, Egress]`)
}

func (s *scene) policy(name, spec string) *scene {
	p := control.NetworkPolicy{Name: name}
	s.read(spec, &p.Spec)
	s.Snapshot.NetworkPolicies = append(s.Snapshot.NetworkPolicies, p)
	return s
}

// ours makes the newest policy one of Holdfast's.
func (s *scene) ours() *scene {
	s.Snapshot.NetworkPolicies[len(s.Snapshot.NetworkPolicies)-1].Ours = true
	return s
}

// pods adds a class of pods for each list of labels, such as "app=web,tier=a".
func (s *scene) pods(lists ...string) *scene {
	for _, list := range lists {
		s.Snapshot.Pods = append(s.Snapshot.Pods, podClass(list))
	}
	return s
}

// class adds a class of pods.
func (s *scene) class(labels, fields string) *scene {
	class := podClass(labels)
	s.read(fields, &class)
	s.Snapshot.Pods = append(s.Snapshot.Pods, class)
	return s
}

func (s *scene) service(fields string) *scene {
	return decode(s, fields, &s.Snapshot.Services)
}

func (s *scene) entrance(fields string) *scene {
	return decode(s, fields, &s.Snapshot.Entrances)
}

func (s *scene) cluster(fields string) *scene {
	return decode(s, fields, &s.Snapshot.ClusterPolicies)
}

// states adds to the fields of the control.
func (s *scene) states(fields string) *scene {
	s.read(fields, s.Control.NetworkIsolation)
	return s
}

// resolves says what a selector of the namespaces or the pods of the cluster matches.
func (s *scene) resolves(fields string) *scene {
	s.read(fields, &s.Snapshot.Peers)
	return s
}

func (s *scene) unavailable(needs ...control.Need) *scene {
	s.Snapshot.Unavailable = map[control.Need]string{}
	for _, need := range needs {
		s.Snapshot.Unavailable[need] = control.ReasonForbidden
	}
	return s
}

func (s *scene) change(change func(*control.Input)) *scene {
	change(&s.Input)
	return s
}

func (s *scene) read(fields string, into any) {
	s.t.Helper()
	controltest.Set(s.t, into, fields)
}

// decode adds one object to a list of the scene.
func decode[T any](s *scene, fields string, list *[]T) *scene {
	s.t.Helper()
	controltest.Add(s.t, list, fields)
	return s
}

func podClass(list string) control.PodClass {
	var class control.PodClass
	for pair := range strings.SplitSeq(list, ",") {
		if key, value, found := strings.Cut(pair, "="); found {
			if class.Labels == nil {
				class.Labels = map[string]string{}
			}
			class.Labels[key] = value
		}
	}
	return class
}

// judge runs a table of cases of one rule.
func judge(t *testing.T, rule string, cases map[string]judged) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			finding := controltest.FindingOf(t, Control{}, tc.scene.Input, rule)
			if got := controltest.Summary(finding); got != tc.want {
				t.Errorf("%s is %q, want %q (%s; %v)", rule, got, tc.want, finding.Message, finding.Facts)
			}
			if tc.wantFacts != nil {
				if diff := cmp.Diff(tc.wantFacts, finding.Facts); diff != "" {
					t.Errorf("facts (-want +got):\n%s", diff)
				}
			}
		})
	}
}
