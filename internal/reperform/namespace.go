package reperform

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// met is a namespace that was met in the cluster, and its scope in the manifest,
// which is nil where that does not have it.
type met struct {
	*Comparison
	ns       control.Namespace
	scope    *ledger.ManifestScope
	snapshot *control.Snapshot
}

// standing compares how the namespace stands to a policy, and judges it where it
// is in scope.
func (m *met) standing(p *policy) error {
	found := p.Dispose(m.ns)
	for _, t := range p.tallies {
		t.Found.Total++
		switch found {
		case assess.Excluded:
			t.Found.Excluded++
		case assess.NotSelected:
			t.Found.NotSelected++
		}
	}
	if m.scope != nil {
		at := slices.IndexFunc(m.scope.Standings, func(s ledger.ManifestStanding) bool { return s.Policy == p.Name })
		if at >= 0 && m.scope.Standings[at].Disposition != string(found) {
			d := Difference{Class: Contradiction, Policy: p.Name, Subject: m.ns.Subject(), Manifest: m.scope.Standings[at].Disposition, Found: string(found),
				Why: []string{"its resourceVersion says that it did not change since"}}
			if why := m.versions(); len(why) > 0 {
				d.Class, d.Why = Since, why
			}
			m.report.Differences = append(m.report.Differences, d)
		}
	}
	if found != assess.InScope {
		return nil
	}
	return m.judge(p)
}

// judge judges the namespace, and compares each verdict.
func (m *met) judge(p *policy) (err error) {
	if m.snapshot == nil {
		if m.snapshot, err = m.Cluster.Snapshot(m.ns.Name); err != nil {
			return err
		}
	}
	for _, u := range assess.Judge(p.Definition, m.snapshot, m.At) {
		t := p.tallies[u.Control.Spec.ID]
		if t == nil {
			continue
		}
		row := m.row(&u)
		state := u.Settled(m.ns, row != nil && row.State.Outcome == control.Deviating)
		count(&t.Found, state.Outcome)
		if row != nil {
			if err := m.verdict(&u, row, state); err != nil {
				return err
			}
		}
	}
	return nil
}

func count(c *ledger.Census, outcome control.Outcome) {
	switch outcome {
	case control.Conforming:
		c.Conforming++
	case control.Deviating:
		c.Deviating++
	case control.NotApplicable:
		c.NotApplicable++
	default:
		c.NotEvaluated++
	}
}

// row is what the manifest states of a unit.
func (m *met) row(u *assess.Unit) *ledger.ManifestUnit {
	if m.scope == nil {
		return nil
	}
	for i := range m.scope.Units {
		row := &m.scope.Units[i]
		subject := m.scope.Subject
		if row.Subject != nil {
			subject = *row.Subject
		}
		if row.Policy == u.Def.Name && row.Control == u.Control.Spec.ID && subject == u.Subject {
			return row
		}
	}
	return nil
}

// verdict compares a verdict with the manifest's.
func (m *met) verdict(u *assess.Unit, row *ledger.ManifestUnit, state control.State) error {
	_, mc := m.census.Control(row.Policy, row.Control)
	switch version := u.Control.Kind.EvaluatorVersion(); {
	case mc.EvaluatorVersion != version:
		m.report.NotCompared[fmt.Sprintf("judged by version %d of %s, which is version %d here", mc.EvaluatorVersion, mc.Type, version)]++
		return nil
	case u.Partly(m.snapshot):
		m.report.NotCompared["you may not list everything that the control needs"]++
		return nil
	case row.State.Outcome == control.NotEvaluated:
		m.report.NotCompared["the manifest states that it was not evaluated"]++
		return nil
	}
	m.report.Compared++
	if ledger.Bounded(state).Equal(ledger.Bounded(row.State)) {
		m.report.Same++
		return nil
	}
	d := Difference{Policy: row.Policy, Control: row.Control, Subject: u.Subject, Manifest: words(row.State), Found: words(state)}
	var err error
	d.Class, d.Why, err = m.explain(row.Policy)
	m.report.Differences = append(m.report.Differences, d)
	return err
}

// words is a state in a few words.
func words(s control.State) string {
	out := []string{string(s.Outcome)}
	for _, r := range s.Rules {
		out = append(out, strings.TrimSpace(r.Rule+" "+r.Reason))
	}
	return strings.Join(out, ", ")
}

// explain says why a verdict may be another than in the manifest.
func (m *met) explain(policy string) (class string, why []string, err error) {
	parts, err := m.encoder.Parts(m.snapshot)
	if err != nil {
		return "", nil, err
	}
	changed := m.changedParts(parts)
	if len(changed) == 0 {
		return Contradiction, []string{"the recorded inputs are the same as those that were listed now"}, nil
	}
	why = append(m.versions(), m.entries[m.ns.UID]...)
	for _, p := range m.policies {
		if p.Name == policy {
			why = append(why, m.entries[p.UID]...)
		}
	}
	newer, impossible, gone, err := m.policyChanges()
	switch why = append(why, newer...); {
	case err != nil:
		return "", nil, err
	case len(impossible) > 0:
		return Contradiction, impossible, nil
	case len(why) > 0:
		return Since, why, nil
	default:
		return Unproven, append(gone, "what differs: "+strings.Join(changed, ", ")), nil
	}
}

// changedParts are the roles of the inputs that are not as they were recorded.
func (m *met) changedParts(parts []assess.Part) []string {
	now := map[string]string{}
	for _, p := range parts {
		now[p.Role] = p.Digest
	}
	var changed []string
	for _, in := range m.scope.Inputs {
		if now[in.Role] != in.Digest {
			changed = append(changed, in.Role)
		}
		delete(now, in.Role)
	}
	for role := range now {
		changed = append(changed, role)
	}
	slices.Sort(changed)
	return changed
}

// versions say whether the namespace itself changed since.
func (m *met) versions() []string {
	list := m.list("namespaces")
	if list == nil || !after(m.Versions[m.ns.Name], list.ResourceVersion) {
		return nil
	}
	return []string{fmt.Sprintf("Namespace %s has the resourceVersion %s, later than %s of the manifest's list", m.ns.Name, m.Versions[m.ns.Name], list.ResourceVersion)}
}

// policyChanges compares NetworkPolicies one by one: those with a later
// resourceVersion than the manifest's list; those that are not as recorded,
// though their resourceVersion says that they did not change; those that are gone.
func (m *met) policyChanges() (newer, impossible, gone []string, err error) {
	recorded, err := m.recordedPolicies()
	list := m.list("networkpolicies")
	if err != nil || list == nil {
		return nil, nil, nil, err
	}
	for _, np := range m.snapshot.NetworkPolicies {
		was, known := recorded[np.Name]
		delete(recorded, np.Name)
		switch {
		case after(np.Identity.ResourceVersion, list.ResourceVersion):
			newer = append(newer, fmt.Sprintf("NetworkPolicy %s has the resourceVersion %s, later than %s of the manifest's list%s",
				np.Name, np.Identity.ResourceVersion, list.ResourceVersion, changedAt(np.Identity)))
		case recorded == nil:
		case !known:
			impossible = append(impossible, fmt.Sprintf("NetworkPolicy %s was there (resourceVersion %s, the manifest's list has %s) and is not among the recorded inputs",
				np.Name, np.Identity.ResourceVersion, list.ResourceVersion))
		case !equality.Semantic.DeepEqual(was, np.Spec):
			impossible = append(impossible, fmt.Sprintf("NetworkPolicy %s did not change since (resourceVersion %s), and was recorded otherwise", np.Name, np.Identity.ResourceVersion))
		}
	}
	for name := range recorded {
		gone = append(gone, "NetworkPolicy "+name+" is gone: a deletion leaves no trace in the API")
	}
	slices.Sort(gone)
	return newer, impossible, gone, nil
}

func changedAt(id control.Identity) string {
	if id.ManagedAt.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (changed by %q at %s)", id.Manager, id.ManagedAt.UTC().Format(time.RFC3339))
}

// recordedPolicies are the NetworkPolicies of the recorded inputs, by name; nil
// where none were recorded.
func (m *met) recordedPolicies() (map[string]any, error) {
	at := slices.IndexFunc(m.scope.Inputs, func(in ledger.Input) bool { return in.Role == assess.RolePolicies })
	if at < 0 {
		return nil, nil
	}
	data, err := m.src.Object(m.census.LedgerID, m.scope.Inputs[at].Digest)
	if err != nil {
		return nil, err
	}
	var policies []control.NetworkPolicy
	if err := json.Unmarshal(data, &policies); err != nil {
		return nil, fmt.Errorf("recorded input %s: %w", assess.RolePolicies, err)
	}
	byName := map[string]any{}
	for _, np := range policies {
		byName[np.Name] = np.Spec
	}
	return byName, nil
}
