package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/policyfile"
	"github.com/holdfast-dev/holdfast/internal/preview"
)

// statusChanges is the exit status of diff where something would change, as that
// of kubectl diff.
const statusChanges = 1

// diffOptions say what to preview.
type diffOptions struct {
	files   []string
	enforce bool
	dns     serviceName
	output  string
}

func newDiff(to *connection, now func() time.Time) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff -f FILE",
		Short: "Show what putting policies in force would change and cut off",
		Long: `Show what would become of the cluster if the ControlPolicies of a file were put
in force: object by object, as the API server answers a dry run; what would be
cut off that is open now; and what would hold the changes back.

Policies that are in the cluster count: one of the same name is replaced, all
others are merged with. Nothing is changed. A dry run needs the same permissions
as the change itself; where you lack them what would be sent is shown, and
marked as predicted.

Equal changes in many namespaces are shown once. -o wide lists all namespaces
and all that would be cut off, -o json and -o yaml have the whole plan.

Exit status: 0 nothing would change, 1 something would, more than 1 where it
could not be found out.`,
		Example: `  kubectl holdfast diff -f policy.yaml
  kubectl holdfast diff -f policy.yaml --enforce   # as if it were in mode Enforce
  kustomize build policies | kubectl holdfast diff -f -`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			edits, err := o.read(cmd.Context(), cmd.InOrStdin())
			if err != nil {
				return err
			}
			c, err := to.open()
			if err != nil {
				return err
			}
			wait := startProgress(cmd.Context(), cmd.ErrOrStderr())
			defer wait.end()
			plan, err := o.preview(cmd.Context(), c, wait, edits, now())
			if err != nil {
				return err
			}
			wait.end()
			report := diffReport{header: headerOf("Plan"), Plan: *plan}
			err = present(cmd.OutOrStdout(), o.output, report, func(s screen, out *strings.Builder) {
				diffText{plan: plan, screen: s, wide: o.output == outputWide}.print(out)
			})
			if err == nil && plan.Changes() > 0 {
				return statusError(statusChanges)
			}
			return err
		},
	}
	cmd.Flags().StringArrayVarP(&o.files, "filename", "f", nil, "file with ControlPolicies, - for standard input; may be repeated")
	cmd.Flags().BoolVar(&o.enforce, "enforce", false, "preview controls in mode Observe as if they were in mode Enforce")
	_ = cmd.MarkFlagRequired("filename")
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml", "json")
	dnsFlag(cmd, &o.dns)
	outputFlag(cmd, &o.output, outputText, outputWide, outputJSON, outputYAML)
	return cmd
}

// diffReport is the plan with a header.
type diffReport struct {
	header       `json:",inline"`
	preview.Plan `json:",inline"`
}

// read reads the policies of all files.
func (o diffOptions) read(ctx context.Context, stdin io.Reader) ([]v1alpha1.ControlPolicy, error) {
	schema, err := policyfile.NewSchema()
	if err != nil {
		return nil, err
	}
	var edit policyfile.Edit
	if o.enforce {
		edit = asEnforced
	}
	var all []v1alpha1.ControlPolicy
	for _, file := range o.files {
		policies, err := readPolicies(ctx, schema, file, stdin, edit)
		if err != nil {
			return nil, err
		}
		for _, p := range policies {
			if slices.ContainsFunc(all, func(other v1alpha1.ControlPolicy) bool { return other.Name == p.Name }) {
				return nil, fmt.Errorf("%s: a ControlPolicy named %s is in another file too", file, p.Name)
			}
		}
		all = append(all, policies...)
	}
	slices.SortFunc(all, func(a, b v1alpha1.ControlPolicy) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func readPolicies(ctx context.Context, schema *policyfile.Schema, file string, stdin io.Reader, edit policyfile.Edit) (policies []v1alpha1.ControlPolicy, err error) {
	if file == "-" {
		return schema.Read(ctx, "standard input", stdin, edit)
	}
	content, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	return schema.Read(ctx, file, content, edit)
}

// asEnforced puts a policy and all its controls in mode Enforce.
func asEnforced(object map[string]any) {
	spec, _ := object["spec"].(map[string]any)
	if spec == nil {
		return
	}
	spec["mode"] = string(v1alpha1.ModeEnforce)
	controls, _ := spec["controls"].([]any)
	for _, c := range controls {
		if c, ok := c.(map[string]any); ok {
			delete(c, "mode")
		}
	}
}

// preview makes the plan of the edits.
func (o diffOptions) preview(ctx context.Context, c *cluster, wait *progress, edits []v1alpha1.ControlPolicy, now time.Time) (*preview.Plan, error) {
	wait.at("reading policies")
	live, err := c.policies(ctx)
	if err != nil {
		return nil, err
	}
	observed, err := c.observe(ctx, wait, o.dns.NamespacedName, slices.Concat(live, edits)...)
	if err != nil {
		return nil, err
	}
	applier, err := c.applier()
	if err != nil {
		return nil, err
	}
	plan, err := preview.Make(ctx, preview.Options{Cluster: observed, DryRun: applier, Live: live, Edits: edits, Now: now,
		Progress: func(done, total int) { wait.at("asking for dry runs: %d of %d namespaces", done, total) }})
	if err != nil {
		return nil, explained(err, c.config.Host)
	}
	return plan, nil
}
