package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/linediff"
	"github.com/holdfast-dev/holdfast/internal/preview"
)

const (
	// fewNames is how many namespaces are named where many are concerned.
	fewNames = 4
	// fewRows is how many rows a table has before the others are only counted.
	fewRows = 20
)

// diffText prints a plan for people.
type diffText struct {
	plan   *preview.Plan
	screen screen
	// wide is whether everything is listed.
	wide bool
}

func (t diffText) print(out *strings.Builder) {
	for _, g := range t.groups() {
		t.group(out, g)
	}
	t.exposures(out)
	t.backends(out)
	t.isolated(out)
	t.held(out)
	t.deviating(out)
	t.unobserved(out)
	t.policies(out)
	t.conclusion(out)
}

// group is one change that is the same in several namespaces.
type group struct {
	preview.Object
	difference string
	namespaces []string
}

// groups are the changes, equal ones together, in the order of their first
// appearance.
func (t diffText) groups() []*group {
	var all []*group
	for i := range t.plan.Namespaces {
		for _, object := range t.plan.Namespaces[i].Objects {
			g := &group{Object: object, difference: differenceOf(&object)}
			same := slices.IndexFunc(all, func(o *group) bool {
				return o.Name == g.Name && o.Kind == g.Kind && o.Verb == g.Verb && o.Note == g.Note &&
					o.difference == g.difference && slices.Equal(o.WantedBy, g.WantedBy) && slices.Equal(o.Rules, g.Rules)
			})
			if same < 0 {
				same, all = len(all), append(all, g)
			}
			all[same].namespaces = append(all[same].namespaces, scopeName(object.Namespace))
		}
	}
	return all
}

// differenceOf is the difference of an object now and then, in YAML.
func differenceOf(o *preview.Object) string {
	return linediff.Unified("now", "then", yamlOf(o, o.Before), yamlOf(o, o.After))
}

func yamlOf(o *preview.Object, spec map[string]any) string {
	if spec == nil {
		return ""
	}
	data, err := yaml.Marshal(wholeOf(o, spec))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// wholeOf is an object around what is shown of it: its spec, or fields and annotations.
func wholeOf(o *preview.Object, shown map[string]any) map[string]any {
	metadata := map[string]any{"name": o.Name}
	whole := map[string]any{"apiVersion": o.APIVersion, "kind": o.Kind, "metadata": metadata}
	if !o.Fields {
		whole["spec"] = shown
		return whole
	}
	for key, value := range shown {
		if beside, ok := value.(map[string]any); ok && key == "metadata" {
			maps.Copy(metadata, beside)
			continue
		}
		whole[key] = value
	}
	return whole
}

// scopeName names a scope in a column of namespaces.
func scopeName(namespace string) string { return cmp.Or(namespace, "the cluster") }

func (t diffText) group(out *strings.Builder, g *group) {
	title := fmt.Sprintf("%s %s %s", g.Verb, g.Kind, g.Name)
	fmt.Fprintf(out, "%s in %s, for %s (%s)\n", t.screen.paint(bold, title), t.names(g.namespaces),
		strings.Join(g.WantedBy, ", "), strings.Join(g.Rules, ", "))
	if g.Note != "" {
		text := g.Note
		if g.Predicted {
			text = "not asked of the API server, but what would be sent: " + g.Note
		}
		t.screen.paragraph(out, "Note:", text)
	}
	for line := range strings.Lines(g.difference) {
		out.WriteString(t.screen.diffLine(strings.TrimSuffix(line, "\n")) + "\n")
	}
	out.WriteString("\n")
}

// diffLine colours a line of a difference.
func (s screen) diffLine(line string) string {
	line = printable(line)
	switch {
	case strings.HasPrefix(line, "-"):
		return s.paint(red, line)
	case strings.HasPrefix(line, "+"):
		return s.paint(green, line)
	default:
		return line
	}
}

// names are namespaces: all of them where everything is listed, otherwise a few
// and how many more there are.
func (t diffText) names(names []string) string {
	if t.wide || len(names) <= fewNames+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:fewNames], ", "), len(names)-fewNames)
}

// rows prints a table under a title, cut short unless everything is listed.
func (t diffText) rows(out *strings.Builder, title string, rows *table) {
	if len(rows.rows) == 0 {
		return
	}
	fmt.Fprintf(out, "%s\n", t.screen.paint(bold, title))
	more := len(rows.rows) - fewRows
	if !t.wide && more > 1 {
		rows.rows = rows.rows[:fewRows]
	}
	rows.print(out, t.screen, "  ")
	if !t.wide && more > 1 {
		fmt.Fprintf(out, "  and %d more, which -o wide lists\n", more)
	}
	out.WriteString("\n")
}

func (t diffText) exposures(out *strings.Builder) {
	rows := newTable("NAMESPACE", "WAY IN", "PORT", "TO", "WOULD BE")
	for _, n := range t.plan.Namespaces {
		for _, e := range n.Impact.Exposures {
			rows.row(scopeName(n.Name), e.Way, e.Port, e.Pods, verdictText(e.Verdict, e.AllowedBy))
		}
	}
	t.rows(out, "Ways in that are open now", rows)
}

func (t diffText) backends(out *strings.Builder) {
	rows := newTable("NAMESPACE", "SERVICE", "CALLED FOR", "WOULD BE")
	for _, n := range t.plan.Namespaces {
		for _, b := range n.Impact.Backends {
			rows.row(scopeName(n.Name), fmt.Sprintf("%s:%d", b.Service, b.Port), strings.Join(b.Users, ", "), verdictText(b.Verdict, b.AllowedBy))
		}
	}
	t.rows(out, "What the API server itself calls", rows)
}

func verdictText(v preview.Verdict, by []string) string {
	switch v {
	case preview.Allowed:
		return "kept open by " + strings.Join(by, ", ")
	case preview.Limited:
		return "limited to whom " + strings.Join(by, ", ") + " allows"
	default:
		return "denied"
	}
}

func (t diffText) isolated(out *strings.Builder) {
	rows := newTable("NAMESPACE", "PODS", "NUMBER", "DIRECTION", "STILL ALLOWED")
	for _, n := range t.plan.Namespaces {
		for _, i := range n.Impact.Isolated {
			allowed := "nothing"
			if len(i.AllowedBy) > 0 {
				allowed = "what " + strings.Join(i.AllowedBy, ", ") + " allows"
			}
			rows.row(scopeName(n.Name), i.Pods, strconv.Itoa(i.Number), string(i.Direction), allowed)
		}
	}
	t.rows(out, "Pods that exchange traffic freely now, and would be isolated", rows)
}

// held says what would not be done, and why.
func (t diffText) held(out *strings.Builder) {
	rows := newTable("NAMESPACE", "REASON", "CONTROL", "WHAT")
	for _, n := range t.plan.Namespaces {
		for _, p := range n.Problems {
			rows.row(scopeName(n.Name), p.Reason, strings.Join(p.Controls, ", "), p.Message)
		}
		for _, h := range n.Held {
			rows.row(scopeName(n.Name), v1alpha1.ReasonPaused, strings.Join(h.WantedBy, ", "), h.Kind+" "+h.Name+" would wait for the end of the pause")
		}
	}
	t.rows(out, "What would not be done", rows)
}

// deviating says what enforcing would not put right.
func (t diffText) deviating(out *strings.Builder) {
	rows := newTable("NAMESPACE", "CONTROL", "RULES", "WHAT")
	for _, n := range t.plan.Namespaces {
		for _, d := range n.Deviating {
			rows.row(scopeName(n.Name), d.Control, strings.Join(d.Rules, ", "), strings.TrimPrefix(d.Subject+": "+d.Message, ": "))
		}
	}
	t.rows(out, "What would still deviate", rows)
}

func (t diffText) unobserved(out *strings.Builder) {
	kinds := map[control.Need]string{}
	for _, n := range t.plan.Namespaces {
		maps.Copy(kinds, n.Unobserved)
	}
	t.screen.unobserved(out, kinds)
	if len(kinds) > 0 {
		out.WriteString("\n")
	}
}

// policies say of each edit whom it concerns, and how its enforcement would begin.
func (t diffText) policies(out *strings.Builder) {
	for i := range t.plan.Policies {
		p := &t.plan.Policies[i]
		what := "new"
		if p.Exists {
			what = "edit"
		}
		t.screen.paragraph(out, fmt.Sprintf("ControlPolicy %s (%s):", p.Name, what), t.policy(p))
	}
}

func (t diffText) policy(p *preview.Policy) string {
	sentences := []string{fmt.Sprintf("%s in scope, %d excluded, %d not selected.", count(uint64(p.InScope), "namespace"), p.Excluded, p.NotSelected)}
	if p.Exists && len(p.Added) > 0 {
		sentences = append(sentences, fmt.Sprintf("It adds %s: %s.", count(uint64(len(p.Added)), "namespace"), t.names(p.Added)))
	}
	if len(p.Left) > 0 {
		sentences = append(sentences, fmt.Sprintf("It gives up %s, where what was applied stays: %s.", count(uint64(len(p.Left)), "namespace"), t.names(p.Left)))
	}
	if !p.Enforces {
		sentences = append(sentences, "No control is in mode Enforce, so that nothing would be applied: --enforce shows what would be otherwise.")
	}
	if p.PausedUntil != nil {
		sentences = append(sentences, "Repairs are paused until "+p.PausedUntil.UTC().Format(time.RFC3339)+".")
	}
	if p.Rollout != nil {
		sentences = append(sentences, rolloutText(p.Rollout))
	}
	return strings.Join(sentences, " ")
}

func rolloutText(r *preview.Rollout) string {
	text := fmt.Sprintf("First enforcement begins in %s, %d of them with pods", count(uint64(r.Begin), "namespace"), r.WithPods)
	if r.Takes.Duration > 0 {
		text += fmt.Sprintf(": %d of these per %s, so that the last begins after %s", r.MaxNamespaces, r.Interval.Duration, r.Takes.Duration)
	}
	text += "."
	if r.Held {
		text += fmt.Sprintf(" It would be held (RolloutHeld), for more than %s would be added to %d: the annotation "+
			"holdfast.dev/confirmed-generation with the policy's generation lets it begin.", count(uint64(r.Limit), "namespace"), r.Before)
	}
	return text
}

// conclusion counts what would change.
func (t diffText) conclusion(out *strings.Builder) {
	verbs := map[preview.Verb]int{}
	namespaces := 0
	for i := range t.plan.Namespaces {
		n := &t.plan.Namespaces[i]
		for _, o := range n.Objects {
			verbs[o.Verb]++
		}
		if len(n.Objects) > 0 {
			namespaces++
		}
	}
	if t.plan.Changes() == 0 {
		out.WriteString("Nothing would change.\n")
		return
	}
	fmt.Fprintf(out, "%s in %s would change: %d created, %d patched, %d removed.\n", count(uint64(t.plan.Changes()), "object"),
		count(uint64(namespaces), "namespace"), verbs[preview.Create], verbs[preview.Patch], verbs[preview.Remove])
}
