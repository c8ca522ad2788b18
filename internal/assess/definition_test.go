package assess

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestDefinitionDigest: what splits a control's results, and what does not.
func TestDefinitionDigest(t *testing.T) {
	cases := map[string]struct {
		edit        func(*v1alpha1.ControlPolicy)
		wantChanged bool
		wantInputs  bool
	}{
		"description": {func(p *v1alpha1.ControlPolicy) { p.Spec.Description = "other words" }, false, false},
		"statement":   {func(p *v1alpha1.ControlPolicy) { p.Spec.Controls[0].Statement = "other words" }, false, false},
		"owner":       {func(p *v1alpha1.ControlPolicy) { p.Spec.Controls[0].Owner = "somebody" }, false, false},
		"criteria":    {func(p *v1alpha1.ControlPolicy) { p.Spec.Controls[0].Criteria = []v1alpha1.Criterion{"CC6.1"} }, false, false},
		"priority":    {func(p *v1alpha1.ControlPolicy) { p.Spec.Controls[0].Priority = v1alpha1.PriorityHigh }, false, false},
		"scope":       {func(p *v1alpha1.ControlPolicy) { p.Spec.Scope.NamespaceSelector = metav1.LabelSelector{} }, false, false},
		"generation":  {func(p *v1alpha1.ControlPolicy) { p.Generation = 9; p.UID = "other" }, false, false},
		"the mode it has, stated itself": {func(p *v1alpha1.ControlPolicy) {
			p.Spec.Controls[0].Mode = v1alpha1.ModeEnforce
		}, false, false},
		"policy mode":  {func(p *v1alpha1.ControlPolicy) { p.Spec.Mode = v1alpha1.ModeObserve }, true, true},
		"control mode": {func(p *v1alpha1.ControlPolicy) { p.Spec.Controls[0].Mode = v1alpha1.ModeObserve }, true, true},
		"tolerance":    {func(p *v1alpha1.ControlPolicy) { p.Spec.Tolerance = within(time.Minute) }, true, true},
		"control tolerance": {func(p *v1alpha1.ControlPolicy) {
			p.Spec.Controls[0].Tolerance = within(time.Hour)
		}, true, true},
		"operatingFrom": {func(p *v1alpha1.ControlPolicy) {
			p.Spec.Controls[0].OperatingFrom = &metav1.Time{Time: noon}
		}, true, true},
		"type": {func(p *v1alpha1.ControlPolicy) {
			p.Spec.Controls[0].NetworkIsolation.DefaultDeny = []v1alpha1.Direction{v1alpha1.DirectionEgress}
		}, true, true},
	}
	base := defined(t, policy("p")).Controls[0]
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := defined(t, policy("p", tc.edit)).Controls[0]
			if got := c.Digest != base.Digest; got != tc.wantChanged {
				t.Errorf("the definition changed is %t, want %t", got, tc.wantChanged)
			}
			if got := c.Object.Digest != base.Object.Digest; got != tc.wantInputs {
				t.Errorf("the evaluator's input changed is %t, want %t", got, tc.wantInputs)
			}
		})
	}
	if other := defined(t, policy("q")).Controls[0]; other.Object.Digest == base.Object.Digest || other.Digest != base.Digest {
		t.Error("the policy's name is an input of the evaluation, and no part of the definition")
	}
}

// TestScopeOfTypesThatLookAtIt is an input of theirs, without its prose; and where the
// cluster is in it, guards are bound to it, and it makes the definition.
func TestScopeOfTypesThatLookAtIt(t *testing.T) {
	excluding := func(e v1alpha1.Exclusion) func(*v1alpha1.ControlPolicy) {
		return func(p *v1alpha1.ControlPolicy) { p.Spec.Scope.Exclusions = []v1alpha1.Exclusion{e} }
	}
	legacy := v1alpha1.Exclusion{Namespaces: []string{"legacy"}, Reason: "CHG-1"}
	explained := v1alpha1.Exclusion{Namespaces: []string{"legacy"}, Reason: "CHG-2", ReviewBy: "2026-12-31", ApprovedBy: "somebody"}
	other := v1alpha1.Exclusion{Namespaces: []string{"batch"}, Reason: "CHG-1"}
	cases := map[string]struct {
		of                      []func(*v1alpha1.ControlPolicy)
		edit                    v1alpha1.Exclusion
		wantChanged, wantInputs bool
	}{
		"without the cluster":     {nil, other, false, true},
		"with the cluster":        {[]func(*v1alpha1.ControlPolicy){withCluster}, other, true, true},
		"other words":             {[]func(*v1alpha1.ControlPolicy){withCluster}, explained, false, false},
		"other words, no cluster": {nil, explained, false, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			edits := append(tc.of, encrypting)
			base := defined(t, policy("p", append(edits, excluding(legacy))...)).Controls[0]
			c := defined(t, policy("p", append(edits, excluding(tc.edit))...)).Controls[0]
			if changed, inputs := c.Digest != base.Digest, c.Object.Digest != base.Object.Digest; changed != tc.wantChanged || inputs != tc.wantInputs {
				t.Errorf("the definition changed is %t, its input %t; want %t, %t", changed, inputs, tc.wantChanged, tc.wantInputs)
			}
		})
	}
	spec := policy("p", encrypting, excluding(legacy))
	if defined(t, spec); spec.Spec.Scope.Exclusions[0].Reason != "CHG-1" {
		t.Error("the policy itself was changed")
	}
}

func TestModeAndToleranceAreResolved(t *testing.T) {
	d := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) {
		p.Spec.Mode, p.Spec.Tolerance = "", within(time.Minute)
		own := *p.Spec.Controls[0].DeepCopy()
		own.ID, own.Mode, own.Tolerance = "NET-2", v1alpha1.ModeEnforce, within(time.Hour)
		p.Spec.Controls = append(p.Spec.Controls, own)
	}))
	first, second := d.Controls[0].Spec, d.Controls[1].Spec
	if first.Mode != v1alpha1.ModeObserve || first.Tolerance.CorrectionWithin.Duration != time.Minute {
		t.Errorf("got %s and %v, want the default and the policy's", first.Mode, first.Tolerance)
	}
	if second.Mode != v1alpha1.ModeEnforce || second.Tolerance.CorrectionWithin.Duration != time.Hour {
		t.Errorf("got %s and %v, want its own", second.Mode, second.Tolerance)
	}
	if !d.Enforces() || !d.Repairs() {
		t.Error("a policy of which one control enforces does not enforce, or does not repair")
	}
	d.Controls[1].Kind = typ{}
	if !d.Enforces() || d.Repairs() {
		t.Error("a policy whose enforcing control cannot repair does not enforce, or repairs")
	}
}

func TestSpecsThatCannotBeUsed(t *testing.T) {
	odd := metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "In"}}}
	fine := metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	ruled := func(rule v1alpha1.AllowedTraffic) func(*v1alpha1.ControlPolicy) {
		return func(p *v1alpha1.ControlPolicy) {
			p.Spec.Controls[0].NetworkIsolation.Allow = []v1alpha1.Allowance{
				{Type: v1alpha1.AllowSameNamespace}, {Type: v1alpha1.AllowRule, Rule: &rule}}
		}
	}
	cases := map[string]struct {
		edit func(*v1alpha1.ControlPolicy)
		want string
	}{
		"a selector that is none": {func(p *v1alpha1.ControlPolicy) {
			p.Spec.Scope.NamespaceSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}
		}, "spec.scope.namespaceSelector: "},
		"a control type of tomorrow": {func(p *v1alpha1.ControlPolicy) { p.Spec.Controls[0].NetworkIsolation = nil }, "spec.controls[NET-1]: no control type"},
		"a rule for pods that cannot be selected": {ruled(v1alpha1.AllowedTraffic{PodSelector: odd}),
			"spec.controls[NET-1].networkIsolation.allow[1].rule.podSelector: "},
		"a peer in namespaces that cannot be selected": {ruled(v1alpha1.AllowedTraffic{Peers: []v1alpha1.TrafficPeer{{}, {NamespaceSelector: &odd}}}),
			"spec.controls[NET-1].networkIsolation.allow[1].rule.peers[1].namespaceSelector: "},
		"a peer of pods that cannot be selected": {ruled(v1alpha1.AllowedTraffic{Peers: []v1alpha1.TrafficPeer{{NamespaceSelector: &fine, PodSelector: &odd}}}),
			"spec.controls[NET-1].networkIsolation.allow[1].rule.peers[0].podSelector: "},
		"a schedule that cannot be read": {backedUp("0 24 * * *", "Etc/UTC"), "spec.controls[NET-1].backup.schedule: end of range (24) above maximum (23)"},
		"a schedule that never comes":    {backedUp("0 0 30 2 *", "Etc/UTC"), `spec.controls[NET-1].backup.schedule: "0 0 30 2 *" never comes to pass`},
		"a time zone of nowhere": {backedUp("0 * * * *", "Mars/Olympus"),
			`spec.controls[NET-1].backup.timeZone: "Mars/Olympus" is no time zone that this operator knows`},
		"a schedule of a leap day":       {backedUp("0 0 29 2 *", "Europe/Berlin"), ""},
		"a schedule without a time zone": {backedUp("*/15 * * * *", ""), ""},
		"one of two controls": {func(p *v1alpha1.ControlPolicy) {
			p.Spec.Controls = append(p.Spec.Controls, v1alpha1.ControlSpec{ID: "NET-2"})
		}, "spec.controls[NET-2]: no control type"},
		"a rule that can be used": {ruled(v1alpha1.AllowedTraffic{PodSelector: fine,
			Peers: []v1alpha1.TrafficPeer{{NamespaceSelector: &fine, PodSelector: &fine}, {IPBlock: &v1alpha1.TrafficBlock{CIDR: "10.0.0.0/8"}}}}), ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := defined(t, policy("p", tc.edit))
			wantStalled := v1alpha1.ReasonInvalidSpec
			if tc.want == "" {
				wantStalled = ""
			}
			if !strings.HasPrefix(d.Invalid, tc.want) || (d.Invalid == "") != (tc.want == "") || d.Stalled != wantStalled {
				t.Errorf("got %q (%s), want %q", d.Invalid, d.Stalled, tc.want)
			}
		})
	}
}

// backedUp has a policy's control be of type backup.
func backedUp(schedule, zone string) func(*v1alpha1.ControlPolicy) {
	return func(p *v1alpha1.ControlPolicy) {
		p.Spec.Controls[0].NetworkIsolation = nil
		p.Spec.Controls[0].Backup = &v1alpha1.Backup{Provider: v1alpha1.BackupByVelero, Schedule: schedule, TimeZone: zone}
	}
}

func TestDisposition(t *testing.T) {
	d := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) {
		p.Spec.Scope.BuiltinExclusions = []string{"kube-system"}
		p.Spec.Scope.Exclusions = []v1alpha1.Exclusion{{Namespaces: []string{"legacy", "kube-system"}}, {Namespaces: []string{"batch", "legacy"}}}
	}))
	unlabelled := control.Namespace{Name: "legacy"}
	cases := map[string]struct {
		ns            control.Namespace
		want          Disposition
		wantExclusion string
	}{
		"selected":                  {production("a"), InScope, ""},
		"selected and excluded":     {production("batch"), Excluded, "1"},
		"excluded twice":            {production("legacy"), Excluded, "0"},
		"selected and built in":     {production("kube-system"), Excluded, ExclusionBuiltin},
		"not selected":              {control.Namespace{Name: "a"}, NotSelected, ""},
		"not selected nor included": {unlabelled, NotSelected, "0"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := d.Dispose(tc.ns); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if got := d.Exclusion(tc.ns.Name); got != tc.wantExclusion {
				t.Errorf("got exclusion %q, want %q", got, tc.wantExclusion)
			}
		})
	}
}

// TestDispositionOfTheCluster: it is in scope where that is stated, whatever is said
// of namespaces.
func TestDispositionOfTheCluster(t *testing.T) {
	excluded := func(p *v1alpha1.ControlPolicy) {
		p.Spec.Scope = v1alpha1.Scope{NamespaceSelector: metav1.LabelSelector{}, Cluster: v1alpha1.ClusterExcluded}
	}
	for want, edit := range map[Disposition]func(*v1alpha1.ControlPolicy){InScope: withCluster, NotSelected: excluded} {
		if got := defined(t, policy("p", edit)).Dispose(cluster()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPausedUntil(t *testing.T) {
	cases := map[string]struct {
		def  *Definition
		want time.Time
	}{
		"no pause":          {defined(t, policy("p")), time.Time{}},
		"none of its own":   {defined(t, policy("p", func(p *v1alpha1.ControlPolicy) { p.Spec.Enforcement = &v1alpha1.Enforcement{} })), time.Time{}},
		"a pause to come":   {defined(t, policy("p", paused(noon.Add(time.Second)))), noon.Add(time.Second)},
		"a pause just over": {defined(t, policy("p", paused(noon))), time.Time{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.def.PausedUntil(noon); !got.Equal(tc.want) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRef(t *testing.T) {
	d := defined(t, policy("p"))
	whole, one := d.Ref(nil), d.Ref(&d.Controls[0])
	if whole.Definition != d.SpecObject.Digest || one.Definition != d.Controls[0].Digest || whole.Definition == one.Definition {
		t.Errorf("got %+v and %+v", whole, one)
	}
	if one.Name != "p" || one.UID != "uid-of-policy" || one.Generation != 1 {
		t.Errorf("got %+v", one)
	}
	if _, ok := d.Control("NET-2"); ok {
		t.Error("a control that is not stated was found")
	}
}
