package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// The exit statuses, of which verify uses all.
const (
	statusDone       = 0
	statusInvalid    = 1
	statusIncomplete = 2
	// statusFailed: the command could not be carried out, which says nothing
	// about the ledger.
	statusFailed = 3
)

// statusError ends the process with a status. What there is to say was printed.
type statusError int

// Error names the status.
func (s statusError) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// run carries out a command line, and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot(time.Now)
	root.SetArgs(args)
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

// newRoot returns the plugin's command. now is the clock.
func newRoot(now func() time.Time) *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-holdfast",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl holdfast"},
		Short:         "Read and verify the evidence that Holdfast records",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newEntries(now), newVerify())
	return root
}
