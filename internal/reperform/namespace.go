package reperform

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// met is a scope that was met in the cluster, a namespace or the cluster itself, and
// how it stands in the manifest, which is nil where that does not have it.
type met struct {
	*Comparison
	ns       control.Namespace
	scope    *ledger.ManifestScope
	snapshot *control.Snapshot
	// found are the units that were judged.
	found map[ledger.Unit]bool
}

// standing compares how the scope stands to a policy, and judges it where it is in
// scope.
func (m *met) standing(p *policy) error {
	found := p.Dispose(m.ns)
	for id, t := range p.tallies {
		if c, _ := p.Control(id); c != nil && c.JudgesNamespaces() && !m.ns.IsCluster() {
			t.Found.Total++
			leaveOut(&t.Found, found)
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
	switch {
	case found == assess.InScope:
		return m.judge(p)
	case p.judgesObjects():
		return m.outside(p, found)
	default:
		return nil
	}
}

// leaveOut counts a unit that is not in scope.
func leaveOut(c *ledger.Census, disposition assess.Disposition) {
	switch disposition {
	case assess.Excluded:
		c.Excluded++
	case assess.NotSelected:
		c.NotSelected++
	}
}

// observe takes what was listed of the scope, and what probes saw as recorded.
func (m *met) observe() (err error) {
	if m.snapshot != nil {
		return nil
	}
	if m.snapshot, err = m.Cluster.Snapshot(m.ns.Name); err != nil {
		return err
	}
	if !slices.Contains(m.Needs(), control.NeedProbes) {
		return nil
	}
	found, err := m.recordedObservations()
	if err != nil {
		return err
	}
	if !found {
		m.snapshot.Unavailable = maps.Clone(m.snapshot.Unavailable)
		if m.snapshot.Unavailable == nil {
			m.snapshot.Unavailable = map[control.Need]string{}
		}
		m.snapshot.Unavailable[control.NeedProbes] = control.ReasonInconclusive
	}
	m.report.Observations += len(m.snapshot.Observations)
	return nil
}

// outside counts what controls would judge in a scope that is not in the policy's.
func (m *met) outside(p *policy, disposition assess.Disposition) error {
	if err := m.observe(); err != nil {
		return err
	}
	for _, u := range assess.Judge(p.ofObjects, m.snapshot, m.At) {
		if t := p.tallies[u.Control.Spec.ID]; t != nil && !u.Failed {
			leaveOut(&t.Found, disposition)
		}
	}
	return nil
}

// judge judges the scope, and compares each verdict.
func (m *met) judge(p *policy) error {
	if err := m.observe(); err != nil {
		return err
	}
	for _, u := range m.units(p) {
		t := p.tallies[u.Control.Spec.ID]
		if t == nil {
			continue
		}
		m.found[ledger.Unit{Policy: p.Name, Control: u.Control.Spec.ID, Subject: u.Subject}] = true
		row := m.row(&u)
		state := u.Settled(m.ns, row != nil && row.State.Outcome == control.Deviating)
		t.Found.Count(state.Outcome)
		if err := m.unit(&u, row, state); err != nil {
			return err
		}
	}
	return m.unmet(p)
}

// units are judged as of now; what rests on probes, as of the manifest, whose
// observations it takes.
func (m *met) units(p *policy) []assess.Unit {
	of := func(probes bool, at time.Time) []assess.Unit {
		units := assess.Judge(p.Definition, m.snapshot, at)
		return slices.DeleteFunc(units, func(u assess.Unit) bool { return slices.Contains(u.Control.Needs, control.NeedProbes) != probes })
	}
	return append(of(false, m.At), of(true, m.census.Entry.Collection.Ended.Time)...)
}

// unit compares a verdict on a unit, which the manifest may not have.
func (m *met) unit(u *assess.Unit, row *ledger.ManifestUnit, state control.State) error {
	switch {
	case row != nil:
		return m.verdict(u, row, state)
	case m.scope == nil || u.Control.JudgesNamespaces() || u.Failed:
		return nil // that the scope is not there was said
	}
	return m.differs(Difference{Policy: u.Def.Name, Control: u.Control.Spec.ID, Subject: u.Subject, Manifest: "not listed", Found: words(state)})
}

// unmet compares the manifest's units that were not found.
func (m *met) unmet(p *policy) error {
	if m.scope == nil {
		return nil
	}
	for i := range m.scope.Units {
		row := &m.scope.Units[i]
		subject := m.scope.Subject
		if row.Subject != nil {
			subject = *row.Subject
		}
		c, stated := p.Control(row.Control)
		if row.Policy != p.Name || !stated || p.tallies[row.Control] == nil || m.found[ledger.Unit{Policy: p.Name, Control: row.Control, Subject: subject}] {
			continue
		}
		if !c.Finds(m.snapshot) {
			m.report.NotCompared[notListed]++
			continue
		}
		if err := m.differs(Difference{Policy: p.Name, Control: row.Control, Subject: subject, Manifest: words(row.State), Found: "not there"}); err != nil {
			return err
		}
	}
	return nil
}

// differs reports a difference, and says why it may be.
func (m *met) differs(d Difference) (err error) {
	d.Class, d.Why, err = m.explain(d.Policy, d.Subject)
	m.report.Differences = append(m.report.Differences, d)
	return err
}

// notListed is why a verdict is not compared that rests on what was not listed.
const notListed = "you may not list everything that the control needs"

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
	case !u.Control.Finds(m.snapshot):
		m.report.NotCompared[notListed]++
		return nil
	case u.Partly(m.snapshot):
		m.report.NotCompared["it rests on probes, of which nothing was recorded in the manifest: what they see is not re-performed"]++
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
	return m.differs(Difference{Policy: row.Policy, Control: row.Control, Subject: u.Subject, Manifest: words(row.State), Found: words(state)})
}

// words is a state in a few words.
func words(s control.State) string {
	out := []string{string(s.Outcome)}
	for _, r := range s.Rules {
		out = append(out, strings.TrimSpace(r.Rule+" "+r.Reason))
	}
	return strings.Join(out, ", ")
}

// explain says why a verdict on a subject may be another than in the manifest.
func (m *met) explain(policy string, subject control.Subject) (class string, why []string, err error) {
	parts, err := m.encoder.Parts(m.snapshot)
	if err != nil {
		return "", nil, err
	}
	changed := m.changedParts(parts)
	if len(changed) == 0 {
		return Contradiction, []string{"the recorded inputs are the same as those that were listed now"}, nil
	}
	why = append(m.versions(), m.entries[m.ns.UID]...)
	if subject.UID != m.ns.UID {
		why = append(why, m.entries[subject.UID]...)
	}
	why = append(why, m.newerObjects(changed)...)
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
	if m.ns.IsCluster() || list == nil || !after(m.Versions[m.ns.Name], list.ResourceVersion) {
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
