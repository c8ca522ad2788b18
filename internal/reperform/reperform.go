// Package reperform judges a cluster anew, as somebody else lists it, and
// compares that with what a ledger's newest manifest states.
package reperform

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/census"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Cluster is what was listed: *observe.Static.
type Cluster interface {
	// Namespaces calls fn for every namespace, by name, until it returns false.
	Namespaces(fn func(control.Namespace) bool)
	// Snapshot returns what was listed of a scope: of a namespace, or of the cluster
	// (control.Cluster).
	Snapshot(scope string) (*control.Snapshot, error)
}

// Listed is a cluster as somebody listed it.
type Listed struct {
	Cluster Cluster
	// Versions are the resourceVersions of the namespaces, by name.
	Versions map[string]string
	// At is when it was listed.
	At time.Time
}

// The classes of a Difference.
const (
	// Since: something changed after the manifest was made, as its
	// resourceVersion, a time in the API or a later entry of the ledger says.
	Since = "Since"
	// Unproven: something is gone, or of a kind whose versions are not known:
	// nothing shows when it changed.
	Unproven = "Unproven"
	// Contradiction: what the manifest states cannot have been so, or the same
	// inputs give another finding.
	Contradiction = "Contradiction"
)

// Difference is something that the cluster does not say as the manifest does.
type Difference struct {
	Class string `json:"class"`
	// Policy and Control say whose verdict differs; without them it is the census.
	Policy   string          `json:"policy,omitempty"`
	Control  string          `json:"control,omitempty"`
	Subject  control.Subject `json:"subject"`
	Manifest string          `json:"manifest"`
	Found    string          `json:"found"`
	// Why names what changed, or says what is not known.
	Why []string `json:"why"`
}

// Tally counts the units of a control, in the manifest and as found.
type Tally struct {
	Policy   string        `json:"policy"`
	Control  string        `json:"control"`
	Manifest ledger.Census `json:"manifest"`
	Found    ledger.Census `json:"found"`
}

// Report is what the comparison found.
type Report struct {
	LedgerID string      `json:"ledgerID"`
	Slot     ledger.Time `json:"slot"`
	Manifest string      `json:"manifest"`
	// Namespaces is how many were listed, Compared how many verdicts were compared.
	Namespaces  int          `json:"namespaces"`
	Compared    int          `json:"compared"`
	Same        int          `json:"same"`
	Controls    []Tally      `json:"controls"`
	Differences []Difference `json:"differences"`
	// NotCompared says, with how many verdicts, why some were not.
	NotCompared map[string]int `json:"notCompared"`
	// Observations is how many observations of probes were taken as recorded: only
	// Holdfast's own account can probe, so what they show was not re-performed.
	Observations int `json:"observations,omitempty"`
}

// Comparison compares a cluster with a manifest, once.
type Comparison struct {
	Listed
	census   *census.Census
	src      census.Source
	controls []string
	policies []*policy
	// scopes are those of the manifest that were not met in the cluster yet, by name.
	scopes  map[string]*ledger.ManifestScope
	encoder assess.Encoder
	// entries are those of the ledger after the manifest, by the UID they are about.
	entries map[string][]string
	report  Report
}

// Prepare makes ready what a manifest is compared by. controls are ids, or
// policy/id; none means all.
func Prepare(src census.Source, of *census.Census, controls []string) (*Comparison, error) {
	c := &Comparison{census: of, src: src, controls: controls, scopes: map[string]*ledger.ManifestScope{}, entries: map[string][]string{}, report: Report{
		LedgerID: of.LedgerID, Slot: of.Manifest.Slot, Manifest: of.Digest,
		Controls: []Tally{}, Differences: []Difference{}, NotCompared: map[string]int{},
	}}
	return c, c.define()
}

// Needs are what has to be listed.
func (c *Comparison) Needs() []control.Need {
	needs := []control.Need{control.NeedNamespaces}
	for _, p := range c.policies {
		for i := range p.Definition.Controls {
			if p.tallies[p.Definition.Controls[i].Spec.ID] != nil {
				needs = append(needs, p.Definition.Controls[i].Needs...)
			}
		}
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

// Compare judges the cluster by the definitions that the manifest names, and
// compares every namespace's standing and every verdict.
func (c *Comparison) Compare(ctx context.Context, with Listed) (*Report, error) {
	c.Listed = with
	for _, step := range []func(context.Context) error{c.read, c.later, c.namespaces, c.itself} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	for _, scope := range c.scopes {
		c.gone(scope)
	}
	slices.SortFunc(c.report.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Subject.Name, b.Subject.Name), cmp.Compare(a.Subject.UID, b.Subject.UID),
			cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control))
	})
	return &c.report, nil
}

// policy is a definition that the manifest names.
type policy struct {
	*assess.Definition
	// ofObjects has those controls only that judge what they find, and not each
	// namespace.
	ofObjects *assess.Definition
	tallies   map[string]*Tally
}

// judgesObjects reports whether a control of the policy judges what it finds.
func (p *policy) judgesObjects() bool { return len(p.ofObjects.Controls) > 0 }

func newPolicy(def *assess.Definition) *policy {
	p := &policy{Definition: def, ofObjects: &assess.Definition{Name: def.Name}, tallies: map[string]*Tally{}}
	for i := range def.Controls {
		if !def.Controls[i].JudgesNamespaces() {
			p.ofObjects.Controls = append(p.ofObjects.Controls, def.Controls[i])
		}
	}
	return p
}

// define makes the definitions that the manifest names ready again.
func (c *Comparison) define() error {
	found := false
	for i := range c.census.Manifest.Policies {
		mp := &c.census.Manifest.Policies[i]
		data, err := c.src.Object(c.census.LedgerID, mp.Spec)
		if err != nil {
			return fmt.Errorf("read the spec of policy %s: %w", mp.Name, err)
		}
		p := &v1alpha1.ControlPolicy{ObjectMeta: metav1.ObjectMeta{Name: mp.Name, UID: types.UID(mp.UID), Generation: mp.Generation}}
		if err := json.Unmarshal(data, &p.Spec); err != nil {
			return fmt.Errorf("the spec of policy %s: %w", mp.Name, err)
		}
		def, err := assess.Define(p)
		if err != nil {
			return err
		}
		known := newPolicy(def)
		for j := range mp.Controls {
			if mc := &mp.Controls[j]; c.wants(mp.Name, mc.ID) {
				known.tallies[mc.ID] = &Tally{Policy: mp.Name, Control: mc.ID, Manifest: mc.Census}
				found = true
			}
		}
		c.policies = append(c.policies, known)
	}
	switch {
	case len(c.policies) == 0:
		return fmt.Errorf("the schedule of the newest collection (%s) selects no policy", c.census.Manifest.Slot.UTC().Format(time.RFC3339))
	case !found:
		return fmt.Errorf("the manifest of %s has no control %v", c.census.Manifest.Slot.UTC().Format(time.RFC3339), c.controls)
	}
	return nil
}

func (c *Comparison) wants(policy, id string) bool {
	return len(c.controls) == 0 || slices.Contains(c.controls, id) || slices.Contains(c.controls, policy+"/"+id)
}

// read reads the manifest's scopes.
func (c *Comparison) read(ctx context.Context) error {
	return c.census.Each(ctx, func(scope *ledger.ManifestScope) error {
		c.scopes[ledger.ScopeOf(scope.Subject)] = scope
		return nil
	})
}

// later finds out what the ledger says of the time after the manifest.
func (c *Comparison) later(ctx context.Context) error {
	opts := ledger.ReadOptions{LedgerID: c.census.LedgerID, From: c.census.Entry.Seq + 1}
	return c.src.Read(ctx, opts, func(seq uint64, data []byte) error {
		e, err := census.Decode(seq, data)
		if err != nil {
			return err
		}
		said := fmt.Sprintf("entry %d of %s: %s", seq, e.ObservedAt.UTC().Format(time.RFC3339), e.Kind)
		switch e.Kind {
		case ledger.KindOutcomeChanged, ledger.KindSubjectAdded, ledger.KindSubjectDeleted, ledger.KindScopeEntered, ledger.KindScopeLeft:
			c.entries[e.Subject.UID] = append(c.entries[e.Subject.UID], said)
		case ledger.KindPolicyChanged:
			c.entries[e.Policy.UID] = append(c.entries[e.Policy.UID], said)
		}
		return nil
	})
}

// namespaces compares every namespace of the cluster.
func (c *Comparison) namespaces(ctx context.Context) (err error) {
	c.Cluster.Namespaces(func(ns control.Namespace) bool {
		if err = ctx.Err(); err != nil {
			return false
		}
		c.report.Namespaces++
		err = c.namespace(ns)
		return err == nil
	})
	if err == nil && c.report.Namespaces == 0 {
		err = errors.New("no namespace was listed: nothing can be judged")
	}
	return err
}

// itself compares the cluster as a scope, where a control judges what it has.
func (c *Comparison) itself(context.Context) error {
	defer c.tally()
	if !slices.ContainsFunc(c.policies, (*policy).judgesObjects) {
		return nil
	}
	snapshot, err := c.Cluster.Snapshot(control.Cluster)
	if err != nil {
		return fmt.Errorf("the cluster as a scope: %w", err)
	}
	return c.namespace(snapshot.Namespace)
}

// tally reports how many units there are.
func (c *Comparison) tally() {
	for _, p := range c.policies {
		for i := range p.Definition.Controls {
			if t := p.tallies[p.Definition.Controls[i].Spec.ID]; t != nil {
				if !p.Definition.Controls[i].JudgesNamespaces() {
					t.Found.Total = t.Found.Sum()
				}
				c.report.Controls = append(c.report.Controls, *t)
			}
		}
	}
}

// namespace compares one namespace, or the cluster, which is found by its name.
func (c *Comparison) namespace(ns control.Namespace) error {
	scope := c.scopes[ns.Name]
	if scope != nil && scope.Subject.UID == ns.UID {
		delete(c.scopes, ns.Name)
	} else {
		c.added(ns)
		scope = nil
	}
	m := &met{Comparison: c, ns: ns, scope: scope, found: map[ledger.Unit]bool{}}
	for _, p := range c.policies {
		if err := m.standing(p); err != nil {
			return err
		}
	}
	return nil
}

// added notes a namespace that the manifest does not list.
func (c *Comparison) added(ns control.Namespace) {
	d := Difference{Class: Contradiction, Subject: ns.Subject(), Manifest: "not listed", Found: "there",
		Why: []string{fmt.Sprintf("it was created at %s, before the manifest was made", ns.CreatedAt.UTC().Format(time.RFC3339))}}
	list := c.list("namespaces")
	switch {
	case list == nil:
	case after(c.Versions[ns.Name], list.ResourceVersion) && !ns.CreatedAt.Before(list.From.Truncate(time.Second)):
		d.Class, d.Why = Since, []string{fmt.Sprintf("it was created at %s, after the manifest's list (resourceVersion %s)", ns.CreatedAt.UTC().Format(time.RFC3339), list.ResourceVersion)}
	}
	c.report.Differences = append(c.report.Differences, d)
}

// gone notes a namespace that is in the manifest and not in the cluster.
func (c *Comparison) gone(scope *ledger.ManifestScope) {
	d := Difference{Class: Unproven, Subject: scope.Subject, Manifest: "listed", Found: "not there",
		Why: []string{"a namespace that was deleted leaves no trace in the API"}}
	if said := c.entries[scope.Subject.UID]; len(said) > 0 {
		d.Class, d.Why = Since, said
	}
	c.report.Differences = append(c.report.Differences, d)
}

// list is how the manifest's collection read a kind.
func (c *Comparison) list(resource string) *ledger.ManifestList {
	for i := range c.census.Manifest.Lists {
		if l := &c.census.Manifest.Lists[i]; l.Resource == resource && l.Failed == "" {
			return l
		}
	}
	return nil
}

// after reports whether one resourceVersion is later than another: both are
// decimal numbers, without leading zeros.
func after(a, b string) bool {
	return b != "" && cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) > 0
}
