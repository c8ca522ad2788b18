package synthetic

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// applying is a policy that applies all that Holdfast ever applies here.
func applying() *assess.Definition {
	object := &v1alpha1.ControlPolicy{ObjectMeta: metav1.ObjectMeta{Name: isolation}, Spec: isolationSpec()}
	def, err := assess.Define(object)
	if err != nil {
		panic(err) // The spec is fixed, and valid.
	}
	return def
}

// plan puts down what is to happen.
func (s *simulation) plan() {
	s.agenda.put(s.now, s.install)
	s.plans()
	if s.opts.Calm {
		return
	}
	for _, happening := range s.happenings() {
		s.agenda.put(s.at(happening.part), happening.do)
	}
	if s.opts.Broken {
		s.agenda.put(s.at(0.75), s.loseKey)
	}
}

// at is a quarter of an hour before the first slot after a part of the time has
// passed: so that slots lie in what follows as they should.
func (s *simulation) at(part float64) time.Time {
	moment := s.opts.Start.Add(time.Duration(part * float64(s.opts.Duration)))
	return s.nextSlot(moment).Add(-15*time.Minute + 7*time.Second)
}

type happening struct {
	part float64
	do   func() error
}

// happenings happen once each.
func (s *simulation) happenings() []happening {
	slots := func(n int) time.Duration {
		return time.Duration(n-1)*s.opts.Collections + s.opts.Collections/2 + 20*time.Minute
	}
	return []happening{
		{0.05, s.upgrade},
		{0.10, s.down(false, slots(3))},
		{0.16, s.cut(ledger.CauseUnreachable, slots(2))},
		{0.20, s.toleranceOf(2*time.Minute, "CHG-1102")},
		{0.25, s.introduceLate},
		{0.30, s.cut(ledger.CauseForbidden, slots(1))},
		{0.35, s.stepClock(95 * time.Second)},
		{0.40, s.cut(ledger.CauseWatchStalled, 25*time.Minute)},
		{0.45, s.toleranceOf(10*time.Minute, "CHG-1177")},
		{0.50, s.enforceEgress},
		{0.55, s.strayAndReturn},
		{0.60, s.withdrawLate},
		{0.65, s.excludeOne},
		{0.70, s.accessChanges},
		{0.72, s.contestant},
		{0.80, s.upgrade},
		{0.85, s.overlook},
		{0.90, s.down(true, 3*time.Minute)},
		{0.94, s.contestant},
	}
}

// install starts the operator, and declares what it is to do.
func (s *simulation) install() error {
	if err := s.start(); err != nil {
		return err
	}
	s.now = s.now.Add(4 * time.Second)
	if err := s.declare(baseline, baselineSpec(), "CHG-1024"); err != nil {
		return err
	}
	s.now = s.now.Add(9 * time.Second)
	if err := s.declare(isolation, isolationSpec(), "CHG-1031"); err != nil {
		return err
	}
	if err := s.serve(); err != nil {
		return err
	}
	s.now = s.now.Add(5 * time.Second)
	return s.declareSchedule(s.now)
}

// toleranceOf has the baseline's tolerance changed.
func (s *simulation) toleranceOf(d time.Duration, changeRef string) func() error {
	return func() error {
		return s.edit(edit{policy: baseline, manager: "argocd-controller", changeRef: changeRef,
			paths:  []string{"spec.tolerance.correctionWithin", "spec.tolerance.newSubjectWithin"},
			change: func(spec *v1alpha1.ControlPolicySpec) { spec.Tolerance = tolerance(d) }})
	}
}

// introduceLate adds a control, withdrawLate takes it out again.
func (s *simulation) introduceLate() error {
	return s.edit(edit{policy: baseline, manager: "argocd-controller", changeRef: "CHG-1120", paths: []string{"spec.controls[NET-3]"},
		change: func(spec *v1alpha1.ControlPolicySpec) { spec.Controls = append(spec.Controls, late()) }})
}

func (s *simulation) withdrawLate() error {
	return s.edit(edit{policy: baseline, manager: "argocd-controller", changeRef: "CHG-1210", paths: []string{"spec.controls[NET-3]"},
		change: func(spec *v1alpha1.ControlPolicySpec) { spec.Controls = spec.Controls[:len(spec.Controls)-1] }})
}

// enforceEgress has Holdfast deny egress itself, which it only observed before.
func (s *simulation) enforceEgress() error {
	return s.edit(edit{policy: baseline, manager: "argocd-controller", changeRef: "CHG-1183",
		paths: []string{"spec.controls[NET-2].mode", "spec.controls[NET-2].networkIsolation.allow", "spec.controls[NET-2].tolerance"},
		change: func(spec *v1alpha1.ControlPolicySpec) {
			c := controlOf(spec, "NET-2")
			c.Mode, c.Tolerance = "", nil
			c.NetworkIsolation.Allow = bothWays().Allow
		}})
}

// excludeOne takes a namespace out of the baseline's scope.
func (s *simulation) excludeOne() error {
	n := s.pick(production)
	if n == nil {
		return nil
	}
	return s.edit(edit{policy: baseline, manager: "kubectl-edit", paths: []string{"spec.scope.exclusions"},
		change: func(spec *v1alpha1.ControlPolicySpec) {
			spec.Scope.Exclusions = append(spec.Scope.Exclusions, v1alpha1.Exclusion{Namespaces: []string{n.Name},
				Reason: "RISK-140, load test", ReviewBy: s.now.Add(14 * day).Format(time.DateOnly), ApprovedBy: "head of platform"})
		}})
}
