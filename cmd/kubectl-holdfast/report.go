package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render"
)

// The forms of a record beside text and JSON.
const (
	outputHTML  = "html"
	outputPDF   = "pdf"
	outputCSV   = "csv"
	outputOSCAL = "oscal"
)

// reportOptions say which record to make, and how to show it.
type reportOptions struct {
	periodOptions
	output, out, responses string
}

func newReport(src *sources, now func() time.Time) *cobra.Command {
	o := reportOptions{periodOptions: periodOptions{src: src}}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Make a record: what held at a date, or how controls operated over a period",
		Long: `Make a record of a ledger: as of an instant (--as-of), or of a period (--from,
--to). It writes nothing to the ledger, which may be in use.
The same ledger and query give the same bytes, on any machine.

A record is Complete if the ledger reaches the end of the period, and Interim
otherwise; the name of the file says which. It holds what was observed, and no
conclusion: prepared by management's software, for use in an examination.

Text, json and oscal are printed, unless --out names a file; html and pdf are
written to a file, csv to a folder with a file per register.`,
		Example: `  kubectl holdfast report ./ledger --from 2026-01-01 --to 2026-04-01 -o html
  kubectl holdfast report ./ledger --as-of 2026-03-31 -o json
  kubectl holdfast report ./ledger --from 2026-01-01 --to 2026-04-01 -o csv --out registers`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, named(args), now())
		},
	}
	o.bind(cmd, true)
	outputFlag(cmd, &o.output, outputText, outputHTML, outputPDF, outputCSV, outputJSON, outputOSCAL)
	cmd.Flags().StringVar(&o.out, "out", "", "file to write (csv: folder), or folder to write it into; - is standard output (default: a name that says what it is)")
	cmd.Flags().StringVar(&o.responses, "responses", "", "file with management's responses to episodes and groups, in YAML or JSON; shown as unaudited, no part of the record")
	return cmd
}

func (o *reportOptions) run(cmd *cobra.Command, arg string, now time.Time) error {
	options, err := o.options(cmd)
	if err != nil {
		return err
	}
	browser, err := o.browser()
	if err != nil {
		return err
	}
	record, err := o.fold(cmd, arg, now)
	if err != nil {
		return err
	}
	if left := options.Responses.Unmatched(record); len(left) > 0 {
		o.say(cmd, "Not in this record, and left out: the responses to %s.", strings.Join(left, ", "))
	}
	path, err := o.write(cmd, record, options, browser)
	if err == nil && path != "" {
		o.say(cmd, "Wrote %s (%s).", path, record.Status)
	}
	return err
}

// say tells on standard error what is no part of the output.
func (o *reportOptions) say(cmd *cobra.Command, format string, args ...any) {
	// Where standard error cannot be written there is nobody to tell.
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
}

// options are those of the renderers.
func (o *reportOptions) options(cmd *cobra.Command) (render.Options, error) {
	options := render.Options{Width: screenOf(cmd.OutOrStdout()).width, ASCII: !speaksUTF8(os.Getenv)}
	if o.responses == "" {
		return options, nil
	}
	data, err := os.ReadFile(o.responses)
	if err != nil {
		return options, fmt.Errorf("read the responses: %w", err)
	}
	options.Responses, err = render.ParseResponses(data)
	return options, err
}

// browser is the program that prints the page, where one is needed.
func (o *reportOptions) browser() (string, error) {
	if o.output != outputPDF {
		return "", nil
	}
	return findBrowser()
}

// write writes the record, and returns where to, unless it was printed.
func (o *reportOptions) write(cmd *cobra.Command, record *report.Record, options render.Options, browser string) (string, error) {
	stdout := cmd.OutOrStdout()
	switch o.output {
	case outputCSV:
		return o.writeFolder(record, options)
	case outputPDF:
		return o.writeFile(stdout, record, "pdf", func(w io.Writer) error {
			p := startProgress(cmd.Context(), cmd.ErrOrStderr())
			defer p.end()
			p.at("printing the page with %s", filepath.Base(browser))
			return printPDF(cmd.Context(), browser, w, record, options)
		})
	case outputHTML:
		return o.writeFile(stdout, record, "html", func(w io.Writer) error { return render.HTML(w, record, options) })
	case outputJSON:
		return o.writeFile(stdout, record, "json", func(w io.Writer) error { return render.JSON(w, record) })
	case outputOSCAL:
		return o.writeFile(stdout, record, "oscal.json", func(w io.Writer) error { return render.OSCAL(w, record, options) })
	default:
		return o.writeFile(stdout, record, "txt", func(w io.Writer) error { return render.Text(w, record, options) })
	}
}

// printed is whether a form is printed where --out does not say otherwise.
func printed(output string) bool {
	return output == outputText || output == outputJSON || output == outputOSCAL
}

// speaksUTF8 is whether the locale of the environment says that the terminal
// shows UTF-8. None says nothing, and most do.
func speaksUTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToUpper(getenv(name)); value != "" {
			return strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8")
		}
	}
	return true
}
