package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/census"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/internal/reperform"
)

// reperformOptions say what to compare.
type reperformOptions struct {
	asMe     bool
	controls []string
	dns      serviceName
	output   string
}

func newReperform(src *sources, now func() time.Time) *cobra.Command {
	var o reperformOptions
	cmd := &cobra.Command{
		Use:   "reperform",
		Short: "Judge the cluster with your own eyes, and compare with the newest manifest",
		Long: `List the cluster with your own credentials, judge it here by the definitions that
the ledger's newest manifest names, and compare: which namespaces there are, how
each stands to each policy, and every verdict. Nothing is changed, and no Secret
is read.

What differs is told apart: Since, where a resourceVersion, a time in the API or a
later entry of the ledger shows that something changed after the manifest was
made; Unproven, where nothing shows when, as with deletions; Contradiction, where
the manifest cannot have been so.

Exit status: 0 nothing differs but what changed since, 1 a contradiction,
2 something is unproven or could not be compared, 3 it could not be done.`,
		Example: `  kubectl holdfast reperform ./ledger --as-me --context auditor`,
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, named(args), src, now) },
	}
	cmd.Flags().BoolVar(&o.asMe, "as-me", false, "list with your own credentials; required, so that nobody does so by mistake")
	cmd.Flags().StringSliceVar(&o.controls, "control", nil, "only controls with these ids, or policy/id")
	dnsFlag(cmd, &o.dns)
	outputFlag(cmd, &o.output, outputText, outputJSON, outputYAML)
	return cmd
}

// reperformReport is what is printed.
type reperformReport struct {
	header `json:",inline"`
	// User is who listed, as the API server knows them; empty where it does not say.
	User string `json:"user,omitempty"`
	// Lists say how each kind was read.
	Lists            []reperformList `json:"lists"`
	reperform.Report `json:",inline"`
}

type reperformList struct {
	Query           string      `json:"query"`
	ResourceVersion string      `json:"resourceVersion,omitempty"`
	Count           int         `json:"count"`
	At              metav1.Time `json:"at"`
	Failed          string      `json:"failed,omitempty"`
}

func (o *reperformOptions) run(cmd *cobra.Command, arg string, from *sources, now func() time.Time) error {
	if !o.asMe {
		return errors.New("this lists the cluster with your own credentials: say so with --as-me")
	}
	src, err := from.open(cmd, arg)
	if err != nil {
		return err
	}
	defer src.done()
	newest, err := census.At(cmd.Context(), src, time.Time{})
	if err != nil {
		return err
	}
	comparison, err := reperform.Prepare(src, newest, o.controls)
	if err != nil {
		return err
	}
	c, err := from.to.open()
	if err != nil {
		return err
	}
	wait := startProgress(cmd.Context(), cmd.ErrOrStderr())
	defer wait.end()
	wait.at("listing what is judged")
	report := &reperformReport{header: headerOf("Reperformance"), User: c.user(cmd.Context())}
	listed, err := o.list(cmd.Context(), c, comparison, report, now)
	if err != nil {
		return err
	}
	wait.at("comparing")
	found, err := comparison.Compare(cmd.Context(), *listed)
	if err != nil {
		return err
	}
	wait.end()
	report.Report = *found
	err = present(cmd.OutOrStdout(), o.output, report, func(s screen, out *strings.Builder) { reperformText(s, out, report) })
	if err == nil && reperformStatus(found) != statusDone {
		return statusError(reperformStatus(found))
	}
	return err
}

// list lists what the comparison needs, as far as the user may.
func (o *reperformOptions) list(ctx context.Context, c *cluster, comparison *reperform.Comparison, report *reperformReport, now func() time.Time) (*reperform.Listed, error) {
	observed, err := observe.List(ctx, c.config, observe.StaticOptions{
		FieldManager: enforce.FieldManager, DNSService: o.dns.NamespacedName, Needs: comparison.Needs(), Now: now,
	})
	if err != nil {
		return nil, explained(err, c.config.Host)
	}
	for _, r := range observed.Readings() {
		l := reperformList{Query: r.Query, ResourceVersion: r.ResourceVersion, Count: r.Count, At: metav1.NewTime(r.From.UTC())}
		if r.Err != nil {
			l.Failed = r.Err.Error()
		}
		report.Lists = append(report.Lists, l)
	}
	namespaces := &metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NamespaceList"}}
	if err := c.List(ctx, namespaces); err != nil {
		return nil, explained(err, c.config.Host)
	}
	versions := map[string]string{}
	for i := range namespaces.Items {
		versions[namespaces.Items[i].Name] = namespaces.Items[i].ResourceVersion
	}
	return &reperform.Listed{Cluster: observed, Versions: versions, At: now()}, nil
}

// user is who the API server takes the caller for; empty where it does not say.
func (c *cluster) user(ctx context.Context) string {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return ""
	}
	return review.Status.UserInfo.Username
}

func reperformStatus(r *reperform.Report) int {
	status := statusDone
	if len(r.NotCompared) > 0 {
		status = statusIncomplete
	}
	for i := range r.Differences {
		switch r.Differences[i].Class {
		case reperform.Contradiction:
			return statusInvalid
		case reperform.Unproven:
			status = statusIncomplete
		}
	}
	return status
}

func reperformText(s screen, out *strings.Builder, r *reperformReport) {
	fmt.Fprintf(out, "Manifest of %s in ledger %s, compared with what was listed", r.Slot.UTC().Format(time.RFC3339), r.LedgerID)
	if r.User != "" {
		fmt.Fprintf(out, " as %s", printable(r.User))
	}
	out.WriteString("\n")
	for _, l := range r.Lists {
		if l.Failed != "" {
			fmt.Fprintf(out, "  %s: not listed: %s\n", l.Query, printable(l.Failed))
			continue
		}
		fmt.Fprintf(out, "  %s: %d at resourceVersion %s\n", l.Query, l.Count, l.ResourceVersion)
	}
	for _, t := range r.Controls {
		fmt.Fprintf(out, "%s/%s: in the manifest, and now\n", printable(t.Policy), printable(t.Control))
		for _, row := range []struct {
			name          string
			manifest, now int
		}{
			{"Conforming", t.Manifest.Conforming, t.Found.Conforming}, {"Deviating", t.Manifest.Deviating, t.Found.Deviating},
			{"NotApplicable", t.Manifest.NotApplicable, t.Found.NotApplicable}, {"NotEvaluated", t.Manifest.NotEvaluated, t.Found.NotEvaluated},
			{"Excluded", t.Manifest.Excluded, t.Found.Excluded}, {"NotSelected", t.Manifest.NotSelected, t.Found.NotSelected},
			{"Total", t.Manifest.Total, t.Found.Total},
		} {
			fmt.Fprintf(out, "  %-14s %6d %6d\n", row.name, row.manifest, row.now)
		}
	}
	for i := range r.Differences {
		differenceText(s, out, &r.Differences[i])
	}
	for _, why := range slices.Sorted(maps.Keys(r.NotCompared)) {
		fmt.Fprintf(out, "Not compared: %s: %s\n", count(uint64(r.NotCompared[why]), "verdict"), printable(why))
	}
	if r.Observations > 0 {
		fmt.Fprintf(out, "Not re-performed: %s of probes, taken as recorded: only Holdfast's own account can probe.\n", count(uint64(r.Observations), "observation"))
	}
	fmt.Fprintf(out, "%s of %s the same, %s.\n", count(uint64(r.Same), "verdict"), count(uint64(r.Compared), "compared one"), count(uint64(len(r.Differences)), "difference"))
}

func differenceText(s screen, out *strings.Builder, d *reperform.Difference) {
	of := ""
	if d.Policy != "" {
		of = " under " + strings.TrimSuffix(printable(d.Policy)+"/"+printable(d.Control), "/")
	}
	fmt.Fprintf(out, "%s: %s%s: in the manifest %s, now %s\n", s.tint(d.Class), printable(d.Subject.String()), of, printable(d.Manifest), printable(d.Found))
	for _, why := range d.Why {
		fmt.Fprintf(out, "  %s\n", printable(why))
	}
}
