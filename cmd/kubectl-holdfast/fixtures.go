package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/fixture"
	"github.com/holdfast-dev/holdfast/internal/policyfile"
)

// The results of a folder.
const (
	resultOK      = "ok"
	resultFail    = "FAIL"
	resultError   = "error"
	resultUpdated = "updated"
)

// testOptions say how to test.
type testOptions struct {
	update bool
	dns    serviceName
	output string
}

func newTest(now func() time.Time) *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use:   "test DIR...",
		Short: "Judge policies over files, and compare with what is expected",
		Long: `Judge policies over clusters that are described in files, and compare the findings
with those that are expected. It needs no cluster.

Each folder holds policy.yaml, with one ControlPolicy; one or more input_*.yaml,
with all objects of a cluster that matter (namespaces, network policies, pods,
services, ingresses, webhook configurations, …); and findings.golden.yaml, with
the findings by input file and control. A directory without a policy.yaml stands
for the folders below it that have one.

Policies are checked as the API server would. Every control is judged on every
namespace in scope, whatever its mode.

Exit status: 0 as expected, 1 something differs, 3 something could not be judged.`,
		Example: `  kubectl holdfast test policies/tests
  kubectl holdfast test policies/tests/baseline --update`,
		Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := o.test(cmd.Context(), args, now())
			if err != nil {
				return err
			}
			err = present(cmd.OutOrStdout(), o.output, report, func(s screen, out *strings.Builder) { testText(s, out, report) })
			if err == nil && report.status() != statusDone {
				return statusError(report.status())
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&o.update, "update", false, "write what is found into findings.golden.yaml")
	dnsFlag(cmd, &o.dns)
	outputFlag(cmd, &o.output, outputText, outputJSON, outputYAML)
	return cmd
}

// testReport is what became of the folders.
type testReport struct {
	header  `json:",inline"`
	Folders []testedFolder `json:"folders"`
}

// testedFolder is what became of one folder.
type testedFolder struct {
	Dir string `json:"dir"`
	// Result is ok, FAIL, error or updated.
	Result string `json:"result"`
	// Findings is the number of findings.
	Findings int `json:"findings"`
	// Difference is how the findings differ from those expected.
	Difference string `json:"difference,omitempty"`
	// Error says why the folder could not be judged.
	Error string `json:"error,omitempty"`
	// Ignored are the objects that nothing is judged by.
	Ignored []string `json:"ignored,omitempty"`
}

// test judges every folder that the arguments name.
func (o testOptions) test(ctx context.Context, dirs []string, now time.Time) (*testReport, error) {
	schema, err := policyfile.NewSchema()
	if err != nil {
		return nil, err
	}
	report := &testReport{header: headerOf("TestReport"), Folders: []testedFolder{}}
	for _, dir := range dirs {
		folders, err := fixture.Find(dir)
		if err != nil {
			return nil, err
		}
		for _, folder := range folders {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			tested := testedFolder{Dir: folder, Result: resultOK}
			if err := tested.test(ctx, schema, o, now); err != nil {
				tested.Result, tested.Error = resultError, err.Error()
			}
			report.Folders = append(report.Folders, tested)
		}
	}
	return report, nil
}

func (t *testedFolder) test(ctx context.Context, schema *policyfile.Schema, o testOptions, now time.Time) error {
	folder, err := fixture.Read(ctx, schema, t.Dir)
	if err != nil {
		return err
	}
	t.Ignored = folder.Ignored
	found, err := folder.Judge(now, o.dns.NamespacedName)
	if err != nil {
		return err
	}
	for _, byControl := range found {
		for _, findings := range byControl {
			t.Findings += len(findings)
		}
	}
	if t.Findings == 0 {
		return errors.New("no namespace is in the policy's scope: nothing is judged")
	}
	if o.update {
		t.Result = resultUpdated
		return folder.Update(found)
	}
	if t.Difference, err = folder.Compare(found); err == nil && t.Difference != "" {
		t.Result = resultFail
	}
	return err
}

// status is the exit status: what could not be judged weighs most.
func (r *testReport) status() int {
	status := statusDone
	for i := range r.Folders {
		switch r.Folders[i].Result {
		case resultError:
			return statusFailed
		case resultFail:
			status = statusInvalid
		}
	}
	return status
}

func testText(s screen, out *strings.Builder, report *testReport) {
	results := map[string]int{}
	for i := range report.Folders {
		f := &report.Folders[i]
		results[f.Result]++
		fmt.Fprintf(out, "%s   %s", s.tint(fmt.Sprintf("%-7s", f.Result)), printable(f.Dir))
		if f.Findings > 0 {
			fmt.Fprintf(out, " (%s)", count(uint64(f.Findings), "finding"))
		}
		out.WriteString("\n")
		if f.Error != "" {
			fmt.Fprintf(out, "          %s\n", printable(f.Error))
		}
		for _, ignored := range f.Ignored {
			fmt.Fprintf(out, "          not judged by: %s\n", printable(ignored))
		}
		for line := range strings.Lines(f.Difference) {
			out.WriteString("          " + s.diffLine(strings.TrimSuffix(line, "\n")) + "\n")
		}
	}
	fmt.Fprintf(out, "%s: %d ok, %d FAIL, %d error", count(uint64(len(report.Folders)), "folder"),
		results[resultOK], results[resultFail], results[resultError])
	if n := results[resultUpdated]; n > 0 {
		fmt.Fprintf(out, ", %d updated", n)
	}
	out.WriteString("\n")
}
