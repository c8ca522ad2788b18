package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit statuses, of which verify uses all.
const (
	statusDone       = 0
	statusInvalid    = 1
	statusIncomplete = 2
	// statusFailed: the command could not be carried out, which says nothing
	// about what it is about.
	statusFailed = 3
)

// statusError ends the process with a status. What there is to say was printed.
type statusError int

// Error names the status.
func (s statusError) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// run carries out a command line, and returns the exit status. now is the clock.
func run(ctx context.Context, now func() time.Time, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(now)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var status statusError
	switch {
	case err == nil:
		return statusDone
	case errors.As(err, &status):
		return int(status)
	default:
		// Where stderr cannot be written there is nobody to tell.
		_, _ = fmt.Fprintln(stderr, "Error:", err)
		return statusFailed
	}
}

// newRoot returns the plugin's command.
func newRoot(now func() time.Time) *cobra.Command {
	root := &cobra.Command{
		Use:         "kubectl-holdfast",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl holdfast"},
		Short:       "See how controls hold, preview what they would do, and verify the record",
		Long: `See how the controls of ControlPolicies hold, why a subject deviates, and what
enforcing would change; test policies without a cluster; read and verify the
ledger. Nothing here changes a cluster.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	to := newConnection()
	to.bind(root)
	_ = root.RegisterFlagCompletionFunc("context", to.completeContexts)
	root.AddCommand(newStatus(to, now), newExplain(to, now), newDiff(to, now))
	root.AddCommand(offline(newTest(now)), offline(newEntries(now)), offline(newVersion()))
	src := &sources{to: to}
	src.bind(root)
	root.AddCommand(takes(newVerify(src)), takes(newExport(src, now)), takes(newCheckpoint(src)))
	root.AddCommand(takes(newReport(src, now)), takes(newEpisodes(src, now)), takes(newTimeline(src, now)))
	root.AddCommand(takes(newSample(src)), takes(newReevaluate(src)), takes(newReperform(src, now)))
	return root
}

// offline hides the flags that say which cluster, for a command that needs none.
func offline(cmd *cobra.Command) *cobra.Command {
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
		cmd.Parent().HelpFunc()(cmd, args)
	})
	return cmd
}
