package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/reevaluate"
)

// reevaluateOptions say what to evaluate again.
type reevaluateOptions struct {
	src      *sources
	controls []string
	at       string
	output   string
}

func newReevaluate(src *sources) *cobra.Command {
	o := reevaluateOptions{src: src}
	cmd := &cobra.Command{
		Use:   "reevaluate",
		Short: "Run the evaluators again on the inputs that a ledger recorded",
		Long: `Run the evaluators again on the exact inputs that a ledger recorded, and compare
what they find with what was stated: for every row of every collection's
manifest, and for every change of a unit's state. It writes nothing.

What another version of an evaluator judged is counted and not compared: use the
version of Holdfast that the entries name. That the inputs are what the cluster
was like is not shown by this; that they were not altered, verify shows.

Exit status: 0 all found again, 1 something differs, 2 something could not be
compared, 3 the ledger could not be read.`,
		Example: `  kubectl holdfast reevaluate ./ledger
  kubectl holdfast reevaluate ./ledger --control baseline/NET-1 --at 2026-06-30T00:00:00Z`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, named(args)) },
	}
	cmd.Flags().StringSliceVar(&o.controls, "control", nil, "only controls with these ids, or policy/id")
	cmd.Flags().StringVar(&o.at, "at", "", "only the manifest that was the newest at this time, such as 2026-06-30T00:00:00Z, and the newest state of its units")
	outputFlag(cmd, &o.output, outputText, outputJSON, outputYAML)
	return cmd
}

// reevaluateReport is what is printed.
type reevaluateReport struct {
	header            `json:",inline"`
	reevaluate.Report `json:",inline"`
}

func (o reevaluateOptions) run(cmd *cobra.Command, arg string) error {
	at, err := parseMoment("at", o.at)
	if err != nil {
		return err
	}
	src, err := o.src.open(cmd, arg)
	if err != nil {
		return err
	}
	defer src.done()
	p := startProgress(cmd.Context(), cmd.ErrOrStderr())
	opts := reevaluate.Options{Controls: o.controls, Progress: func(r reevaluate.Report) {
		p.at("%d statements evaluated again, %d differ", r.Units, r.Different)
	}}
	if at != nil {
		opts.At = at.Time
	}
	found, err := reevaluate.Ledger(cmd.Context(), src, opts)
	p.end()
	if err != nil {
		return err
	}
	report := &reevaluateReport{headerOf("Reevaluation"), *found}
	err = present(cmd.OutOrStdout(), o.output, report, func(s screen, out *strings.Builder) { reevaluateText(s, out, found) })
	if err == nil && reevaluateStatus(found) != statusDone {
		return statusError(reevaluateStatus(found))
	}
	return err
}

func reevaluateStatus(r *reevaluate.Report) int {
	switch {
	case r.Different > 0:
		return statusInvalid
	case r.Unread > 0 || len(r.Versions) > 0:
		return statusIncomplete
	default:
		return statusDone
	}
}

func reevaluateText(s screen, out *strings.Builder, r *reevaluate.Report) {
	fmt.Fprintf(out, "%s about units, in %s and %s\n", count(uint64(r.Units), "statement"), count(uint64(r.Manifests), "manifest"), count(uint64(r.Entries), "entry"))
	line := func(n int, what string) { fmt.Fprintf(out, "  %9d  %s\n", n, what) }
	line(r.Same, "found again")
	line(r.Different, "found otherwise")
	for _, v := range r.Versions {
		line(v.Units, fmt.Sprintf("not compared: judged by version %d of %s, which is version %d here", v.Recorded, v.Type, v.Here))
	}
	line(r.AsRecorded, "no verdict on inputs: the namespace changed as it was read, or the policy could not be used")
	line(r.Unread, "not compared: the inputs cannot be read")
	for i := range r.Differences {
		d := &r.Differences[i]
		fmt.Fprintf(out, "Difference: %s: %s/%s, %s: stated %s, found %s\n", d.Where, printable(d.Policy), printable(d.Control), printable(d.Subject.String()),
			s.stateOf(d.Recorded), s.stateOf(d.Evaluated))
	}
	more(out, r.Different-len(r.Differences), "difference")
	for _, reason := range r.Reasons {
		fmt.Fprintf(out, "Not compared: %s\n", printable(reason))
	}
	more(out, r.Unread-len(r.Reasons), "statement")
}

// more says how many are not listed.
func more(out *strings.Builder, n int, noun string) {
	if n > 0 {
		fmt.Fprintf(out, "… and %s more\n", count(uint64(n), noun))
	}
}

// stateOf is a state in a few words.
func (s screen) stateOf(state control.State) string {
	words := []string{s.tint(string(state.Outcome))}
	for _, r := range state.Rules {
		words = append(words, printable(strings.TrimSpace(r.Rule+" "+r.Reason)))
	}
	return strings.Join(words, " ")
}
