package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/preview"
	"github.com/holdfast-dev/holdfast/internal/tsc"
)

// explainOptions say what to explain.
type explainOptions struct {
	ledger string
	last   int
	dns    serviceName
	output string
}

func newExplain(to *connection, now func() time.Time) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain CONTROL [SUBJECT]",
		Short: "Say why each subject of a control has its outcome",
		Long: `Say what a control states, and why each of its subjects, or one, has its outcome:
every rule with its reason, the culprits, and the facts it rests on.

CONTROL is POLICY/ID, or the id alone where only one policy has it. SUBJECT is
the name of a namespace.

The outcomes are judged now, by the same code as the operator's, over what you
may read of the cluster; beside them stands what the operator recorded last. A
kind that you may not list leaves its rules NotEvaluated here, which says nothing
about the operator. Nothing is probed: what rests on probes is judged by what the
ledger holds of them, with --ledger, and is NotEvaluated without it.`,
		Example: `  kubectl holdfast explain NET-1
  kubectl holdfast explain production-baseline/NET-1 shop --ledger ./ledger`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: to.completeControls,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := to.open()
			if err != nil {
				return err
			}
			wait := startProgress(cmd.Context(), cmd.ErrOrStderr())
			defer wait.end()
			report, err := o.explain(cmd.Context(), c, wait, args, now())
			if err != nil {
				return err
			}
			wait.end()
			return present(cmd.OutOrStdout(), o.output, report, func(s screen, out *strings.Builder) {
				explainText{report: report, screen: s, whole: len(args) > 1}.print(out)
			})
		},
	}
	cmd.Flags().StringVar(&o.ledger, "ledger", "", "directory of the ledger, to read what probes saw and the newest entries about the subject from")
	cmd.Flags().IntVar(&o.last, "last", 10, "how many of the newest entries to show")
	dnsFlag(cmd, &o.dns)
	outputFlag(cmd, &o.output, outputText, outputJSON, outputYAML)
	_ = cmd.MarkFlagDirname("ledger")
	return cmd
}

// explainReport is what explain says of a control.
type explainReport struct {
	header `json:",inline"`
	// JudgedAt is when the subjects were judged, by this machine's clock.
	JudgedAt metav1.Time `json:"judgedAt"`
	// Sources say in one sentence each what was read.
	Sources   []string                `json:"sources"`
	Policy    string                  `json:"policy"`
	Control   string                  `json:"control"`
	Statement string                  `json:"statement,omitempty"`
	Owner     string                  `json:"owner,omitempty"`
	Criteria  []criterion             `json:"criteria,omitempty"`
	Mode      v1alpha1.Mode           `json:"mode"`
	Tolerance *v1alpha1.Tolerance     `json:"tolerance,omitempty"`
	Recorded  *v1alpha1.ControlStatus `json:"recorded,omitempty"`
	// Conditions are those of the policy.
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Scope counts the namespaces by how they stand to the policy's scope.
	Scope map[assess.Disposition]int `json:"scope"`
	// Unobserved are the kinds that could not be listed, and why.
	Unobserved map[control.Need]string `json:"unobserved,omitempty"`
	// Rights are the rules, in one line each, for want of which they could not.
	Rights []string `json:"rights,omitempty"`
	// Subjects are judged, those that deviate first, then by name.
	Subjects []judged `json:"subjects"`
	// OutOfScope says why the subject that was asked for is not judged.
	OutOfScope string `json:"outOfScope,omitempty"`
	// Transitions are the newest ones of the subject that was asked for.
	Transitions []transition `json:"transitions,omitempty"`
}

// criterion is a criterion that a control supports.
type criterion struct {
	ID    v1alpha1.Criterion `json:"id"`
	Title string             `json:"title"`
}

// judged is a subject as it was judged now, and as the operator recorded it.
type judged struct {
	Subject  control.Subject   `json:"subject"`
	Outcome  control.Outcome   `json:"outcome"`
	Findings []control.Finding `json:"findings"`
	// Message is that of the findings which decide the outcome.
	Message string `json:"message,omitempty"`
	// Refusals say why Enforce mode does not repair it.
	Refusals []string `json:"refusals,omitempty"`
	// Episode is the open episode in the policy's status.
	Episode *v1alpha1.OpenEpisode `json:"episode,omitempty"`
}

// explain finds the control, judges its subjects, and reads what was recorded.
func (o explainOptions) explain(ctx context.Context, c *cluster, wait *progress, args []string, now time.Time) (*explainReport, error) {
	wait.at("reading policies")
	policies, err := c.policies(ctx)
	if err != nil {
		return nil, err
	}
	policy, id, err := findControl(policies, args[0])
	if err != nil {
		return nil, err
	}
	def, err := only(policy, id)
	if err != nil {
		return nil, err
	}
	observed, err := c.observe(ctx, wait, o.dns.NamespacedName, *policy)
	if err != nil {
		return nil, err
	}
	r := describe(policy, def, now)
	r.Sources = append(r.Sources, "what you may list of the cluster at "+c.config.Host, "the status of ControlPolicy "+policy.Name)
	r.Rights = lacking(observed)
	wait.at("judging")
	probed, err := o.probes(ctx, r, def, now)
	if err != nil {
		return nil, err
	}
	if err := r.judge(policy, def, observed, probed, args[1:], now); err != nil {
		return nil, err
	}
	if len(args) > 1 {
		return r, o.history(ctx, c, r, args[1], now)
	}
	return r, nil
}

// findControl finds a control by POLICY/ID, or by the id alone.
func findControl(policies []v1alpha1.ControlPolicy, name string) (policy *v1alpha1.ControlPolicy, id string, err error) {
	var known, found []string
	for i := range policies {
		for _, c := range policies[i].Spec.Controls {
			full := policies[i].Name + "/" + c.ID
			known = append(known, full)
			if name == full || name == c.ID {
				found = append(found, full)
				policy, id = &policies[i], c.ID
			}
		}
	}
	switch {
	case len(found) == 1:
		return policy, id, nil
	case len(found) > 1:
		return nil, "", fmt.Errorf("control %s is in several policies: name one of %s", name, strings.Join(found, ", "))
	case len(known) == 0:
		return nil, "", fmt.Errorf("there is no control %s: the cluster has no ControlPolicy", name)
	default:
		return nil, "", fmt.Errorf("there is no control %s: the cluster has %s", name, strings.Join(known, ", "))
	}
}

// only is a policy's definition with one control.
func only(policy *v1alpha1.ControlPolicy, id string) (*assess.Definition, error) {
	def, err := assess.Define(policy)
	if err != nil {
		return nil, err
	}
	if def.Invalid != "" {
		return nil, fmt.Errorf("ControlPolicy %s cannot be evaluated: %s", policy.Name, def.Invalid)
	}
	c, _ := def.Control(id)
	def.Controls = []assess.Control{*c}
	return def, nil
}

// describe fills in what the control states, and what its policy's status says.
func describe(policy *v1alpha1.ControlPolicy, def *assess.Definition, now time.Time) *explainReport {
	spec := def.Controls[0].Spec
	r := &explainReport{header: headerOf("Explanation"), JudgedAt: metav1.NewTime(now.UTC().Truncate(time.Second)),
		Policy: policy.Name, Control: spec.ID, Statement: spec.Statement, Owner: spec.Owner, Mode: spec.Mode,
		Tolerance: spec.Tolerance, Conditions: policy.Status.Conditions, Scope: map[assess.Disposition]int{}, Subjects: []judged{}}
	for _, id := range tsc.Supported(spec) {
		r.Criteria = append(r.Criteria, criterion{id, tsc.Title(id)})
	}
	for i := range policy.Status.Controls {
		if policy.Status.Controls[i].ID == spec.ID {
			r.Recorded = &policy.Status.Controls[i]
		}
	}
	return r
}

// judge judges the subjects in scope, or the one that was asked for.
func (r *explainReport) judge(policy *v1alpha1.ControlPolicy, def *assess.Definition, observed preview.Cluster, probed probedBefore, subject []string, now time.Time) error {
	var namespaces []control.Namespace
	found := len(subject) == 0
	observed.Namespaces(func(ns control.Namespace) bool {
		disposition := def.Dispose(ns)
		r.Scope[disposition]++
		asked := len(subject) == 0 || subject[0] == ns.Name
		found = found || asked
		if asked && disposition == assess.InScope {
			namespaces = append(namespaces, ns)
		} else if asked && len(subject) > 0 {
			r.OutOfScope = whyOut(policy, ns, disposition)
		}
		return true
	})
	if !found {
		return fmt.Errorf("there is no namespace %s in the cluster, or you may not see it", subject[0])
	}
	if cluster, err := observed.Snapshot(control.Cluster); err == nil && len(subject) == 0 && def.Dispose(cluster.Namespace) == assess.InScope {
		namespaces = append(namespaces, cluster.Namespace)
	}
	for _, ns := range namespaces {
		snapshot, err := observed.Snapshot(ns.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", ns.Subject(), err)
		}
		probed.fill(snapshot, def, now)
		r.note(snapshot)
		for _, unit := range assess.Judge(def, snapshot, now) {
			r.Subjects = append(r.Subjects, judgedOf(&unit, policy, snapshot, now))
		}
	}
	slices.SortFunc(r.Subjects, func(a, b judged) int {
		return cmp.Or(a.urgency()-b.urgency(), strings.Compare(a.Subject.String(), b.Subject.String()))
	})
	return nil
}

// note takes note of what could not be observed.
func (r *explainReport) note(snapshot *control.Snapshot) {
	for need, reason := range snapshot.Unavailable {
		if r.Unobserved == nil {
			r.Unobserved = map[control.Need]string{}
		}
		r.Unobserved[need] = reason
	}
}

func judgedOf(unit *assess.Unit, policy *v1alpha1.ControlPolicy, snapshot *control.Snapshot, now time.Time) judged {
	j := judged{Subject: unit.Subject, Outcome: unit.State.Outcome, Findings: unit.Findings, Message: unit.Messages()}
	_, _, err := unit.Wish(snapshot, now)
	var refusal *control.Refusal
	if errors.As(err, &refusal) {
		j.Refusals = strings.Split(err.Error(), "\n")
	}
	if open := policy.Status.OpenEpisodes; open != nil {
		for i := range open.Longest {
			if e := &open.Longest[i]; e.Control == unit.Control.Spec.ID && e.Subject == unit.Subject.String() {
				j.Episode = e
			}
		}
	}
	return j
}

// urgency orders outcomes for those who look for what is wrong.
func (j *judged) urgency() int {
	return slices.Index([]control.Outcome{control.Deviating, control.NotEvaluated, control.Conforming, control.NotApplicable}, j.Outcome)
}

// whyOut says why a namespace is not judged.
func whyOut(policy *v1alpha1.ControlPolicy, ns control.Namespace, disposition assess.Disposition) string {
	if disposition == assess.NotSelected {
		return fmt.Sprintf("namespace %s is not in scope: spec.scope.namespaceSelector does not select its labels (%s)",
			ns.Name, metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: ns.Labels}))
	}
	for _, e := range policy.Spec.Scope.Exclusions {
		if slices.Contains(e.Namespaces, ns.Name) {
			return fmt.Sprintf("namespace %s is not in scope: spec.scope.exclusions takes it out, with the reason %q", ns.Name, e.Reason)
		}
	}
	return fmt.Sprintf("namespace %s is not in scope: spec.scope.builtinExclusions takes it out", ns.Name)
}

// history fills in what was recorded of one subject.
func (o explainOptions) history(ctx context.Context, c *cluster, r *explainReport, subject string, now time.Time) error {
	if o.ledger == "" {
		var source string
		r.Transitions, source = eventTransitions(ctx, c, o.last, func(t *transition) bool {
			return (t.Subject == "Namespace "+subject || strings.Contains(t.Subject, " "+subject+"/")) && t.Control == r.Policy+"/"+r.Control
		})
		r.Sources = append(r.Sources, source)
		return nil
	}
	newest, err := newestEntries(ctx, o.ledger, o.last, now, func(e *ledger.Entry) bool {
		return e.Subject != nil && ledger.ScopeOf(*e.Subject) == subject && (e.Policy == nil || e.Policy.Name == r.Policy) &&
			(e.Control == "" || e.Control == r.Control)
	})
	if err != nil {
		return fmt.Errorf("read the ledger in %s: %w", o.ledger, err)
	}
	r.Transitions, r.Sources = newest, append(r.Sources, "the ledger in "+o.ledger)
	return nil
}
