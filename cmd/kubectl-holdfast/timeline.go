package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/report/render"
)

func newTimeline(src *sources, now func() time.Time) *cobra.Command {
	o := periodOptions{src: src}
	var ascii bool
	cmd := &cobra.Command{
		Use:   "timeline",
		Short: "Plot a period in the terminal: episodes and gaps of each control",
		Long: `Plot, for each control, how many subjects deviated at once, when episodes began,
outside and within the stated tolerance, and when observation was absent. It
writes nothing to the ledger, which may be in use.`,
		Example: `  kubectl holdfast timeline ./ledger --from 2026-03-01 --to 2026-04-01 --control NET-1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			record, err := o.fold(cmd, named(args), now())
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			return render.Timeline(w, record, render.Options{Width: screenOf(w).width, ASCII: ascii || !speaksUTF8(os.Getenv)})
		},
	}
	o.bind(cmd, false)
	cmd.Flags().BoolVar(&ascii, "ascii", false, "draw with ASCII only (default: where the locale is not UTF-8)")
	return cmd
}
