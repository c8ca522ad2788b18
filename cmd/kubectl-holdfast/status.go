package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// statusOptions say what to show.
type statusOptions struct {
	ledger string
	last   int
	output string
}

func newStatus(to *connection, now func() time.Time) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status [POLICY]",
		Short: "Show how the controls of policies hold",
		Long: `Show of every policy, or of one, whether it conforms and is enforced, the
subjects of each control by outcome, the open episodes, the longest first, and
the newest transitions.

It shows what the operator has published: the status of the policies, and the
events about them, which the API server keeps for an hour by default. With
--ledger the transitions come from the ledger, which has all of them. What was
read stands at the end. "explain" judges anew.`,
		Example: `  kubectl holdfast status
  kubectl holdfast status production-baseline --ledger ./ledger`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: to.completePolicies,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := to.open()
			if err != nil {
				return err
			}
			wait := startProgress(cmd.Context(), cmd.ErrOrStderr())
			defer wait.end()
			wait.at("reading policies")
			report, err := o.read(cmd.Context(), c, args, now())
			if err != nil {
				return err
			}
			wait.end()
			return present(cmd.OutOrStdout(), o.output, report, func(s screen, out *strings.Builder) {
				statusText{report: report, screen: s, wide: o.output == outputWide, detailed: len(args) > 0}.print(out)
			})
		},
	}
	cmd.Flags().StringVar(&o.ledger, "ledger", "", "directory of the ledger, to read the newest transitions from")
	cmd.Flags().IntVar(&o.last, "last", 10, "how many of the newest transitions to show")
	outputFlag(cmd, &o.output, outputText, outputWide, outputJSON, outputYAML)
	_ = cmd.MarkFlagDirname("ledger")
	return cmd
}

// statusReport is what status shows.
type statusReport struct {
	header `json:",inline"`
	// ReadAt is when it was read, by this machine's clock.
	ReadAt metav1.Time `json:"readAt"`
	// Sources say in one sentence each what was read, and what could not be.
	Sources     []string       `json:"sources"`
	Policies    []policyStatus `json:"policies"`
	Transitions []transition   `json:"transitions"`
}

// policyStatus is a policy as the operator published it.
type policyStatus struct {
	Name       string                       `json:"name"`
	Generation int64                        `json:"generation"`
	Mode       v1alpha1.Mode                `json:"mode"`
	Status     v1alpha1.ControlPolicyStatus `json:"status"`
	// OpenEpisodes are those of the status, the longest first.
	OpenEpisodes []v1alpha1.OpenEpisode `json:"openEpisodes"`
}

// read reads the policies, and what happened to them.
func (o statusOptions) read(ctx context.Context, c *cluster, names []string, now time.Time) (*statusReport, error) {
	policies, err := c.policies(ctx, names...)
	if err != nil {
		return nil, err
	}
	report := &statusReport{header: headerOf("Status"), ReadAt: metav1.NewTime(now.UTC().Truncate(time.Second)),
		Policies: []policyStatus{}, Transitions: []transition{}}
	for i := range policies {
		report.Policies = append(report.Policies, policyStatusOf(&policies[i]))
	}
	report.Sources = append(report.Sources, fmt.Sprintf("the status of %s at %s", count(uint64(len(policies)), "ControlPolicy"), c.config.Host))
	var source string
	if o.ledger != "" {
		report.Transitions, source, err = ledgerTransitions(ctx, o.ledger, o.last, now, isAbout(policies))
		if err != nil {
			return nil, err
		}
	} else {
		report.Transitions, source = eventTransitions(ctx, c, o.last, func(t *transition) bool { return isAbout(policies)(t.policy()) })
	}
	report.Sources = append(report.Sources, source)
	return report, nil
}

// policies returns the named policies, or all, by name.
func (c *cluster) policies(ctx context.Context, names ...string) ([]v1alpha1.ControlPolicy, error) {
	if len(names) == 0 {
		var list v1alpha1.ControlPolicyList
		if err := c.List(ctx, &list); err != nil {
			return nil, explained(err, c.config.Host)
		}
		slices.SortFunc(list.Items, func(a, b v1alpha1.ControlPolicy) int { return cmp.Compare(a.Name, b.Name) })
		return list.Items, nil
	}
	policies := make([]v1alpha1.ControlPolicy, len(names))
	for i, name := range names {
		err := c.Get(ctx, client.ObjectKey{Name: name}, &policies[i])
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("the cluster at %s has no ControlPolicy %s: kubectl holdfast status lists those it has", c.config.Host, name)
		}
		if err != nil {
			return nil, explained(err, c.config.Host)
		}
	}
	return policies, nil
}

func policyStatusOf(p *v1alpha1.ControlPolicy) policyStatus {
	s := policyStatus{Name: p.Name, Generation: p.Generation, Mode: p.Spec.Mode, Status: p.Status, OpenEpisodes: []v1alpha1.OpenEpisode{}}
	if p.Status.OpenEpisodes != nil {
		s.OpenEpisodes = slices.Clone(p.Status.OpenEpisodes.Longest)
		slices.SortStableFunc(s.OpenEpisodes, func(a, b v1alpha1.OpenEpisode) int { return a.Since.Compare(b.Since.Time) })
	}
	return s
}

// open is the number of open episodes, those included that a status does not list.
func (s *policyStatus) open() int {
	if s.Status.OpenEpisodes == nil {
		return 0
	}
	return int(s.Status.OpenEpisodes.Total)
}

// isAbout reports whether something is about one of the policies.
func isAbout(policies []v1alpha1.ControlPolicy) func(policy string) bool {
	return func(policy string) bool {
		return slices.ContainsFunc(policies, func(p v1alpha1.ControlPolicy) bool { return p.Name == policy })
	}
}
