package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/bundle"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/version"
)

// exportOptions say what to pack.
type exportOptions struct {
	periodOptions
	file string
	html bool
}

func newExport(src *sources, now func() time.Time) *cobra.Command {
	o := exportOptions{periodOptions: periodOptions{src: src}}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Pack a ledger and its record into one file for an auditor",
		Long: `Pack the whole chain of a ledger, up to its newest checkpoint, and the record of
a period, if one is named, into one file that verify, report and the other
commands read. The same ledger and options give the same bytes.

--policy leaves out what the ledger keeps beside the entries on other policies,
and limits the record. No entry is ever left out: it could not be verified then.
Objects that say who acted hold names of people, and are never packed. What is
left out is listed in the file's index.`,
		Example: `  kubectl holdfast export ./ledger --from 2026-01-01 --to 2026-04-01 --html -f q1.tar.zst
  kubectl holdfast export -f today.tar.zst`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, named(args), now())
		},
	}
	o.bind(cmd, true)
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "file to write; - is standard output (default: holdfast-LEDGER-ENTRIES.tar.zst)")
	cmd.Flags().BoolVar(&o.html, "html", false, "add the record as a page")
	return cmd
}

func (o *exportOptions) run(cmd *cobra.Command, arg string, now time.Time) error {
	src, err := o.src.open(cmd, arg)
	if err != nil {
		return err
	}
	defer src.done()
	query, err := o.recorded(cmd, src, now)
	if err != nil {
		return err
	}
	p := startProgress(cmd.Context(), cmd.ErrOrStderr())
	defer p.end()
	opts := bundle.Options{Query: query, HTML: o.html, Version: version.String(), Progress: func(what string) { p.at("%s", what) }}
	var index *bundle.Index
	file, err := o.write(cmd.OutOrStdout(), src, func(w io.Writer, dir string) (err error) {
		index, err = bundle.Write(cmd.Context(), w, src.Reader, dir, opts)
		return err
	})
	if err != nil {
		return err
	}
	p.end()
	_, err = io.WriteString(cmd.ErrOrStderr(), exported(file, index))
	return err
}

// recorded is the query of the record to pack; nil where none was asked for.
func (o *exportOptions) recorded(cmd *cobra.Command, src *openedLedger, now time.Time) (*report.Query, error) {
	if o.asOf == "" && o.from == "" && o.to == "" && len(o.policies)+len(o.controls) == 0 && !o.html {
		return nil, nil
	}
	q, err := o.query(cmd.Context(), src, now)
	return &q, err
}

// write writes the file, whole or not at all, and returns its name.
func (o *exportOptions) write(stdout io.Writer, src *openedLedger, pack func(w io.Writer, dir string) error) (string, error) {
	if o.file == toStdout {
		return "", pack(stdout, os.TempDir())
	}
	name := o.file
	if name == "" {
		current, err := src.Current()
		if err != nil {
			return "", err
		}
		_, entries, err := src.Checkpoint(current.LedgerID)
		if err != nil {
			return "", err
		}
		name = fmt.Sprintf("holdfast-%.8s-%d.tar.zst", current.LedgerID, entries)
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".holdfast-*")
	if err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // It is gone once it was renamed.
	if err := errors.Join(pack(file, filepath.Dir(name)), file.Chmod(0o644), file.Sync(), file.Close()); err != nil {
		return "", err
	}
	return name, os.Rename(file.Name(), name)
}

// exported says what was packed, and what it takes to verify it.
func exported(file string, index *bundle.Index) string {
	var entries uint64
	for _, l := range index.Ledgers {
		entries += l.Entries - l.First
	}
	said := fmt.Sprintf("Packed %s of %s, %s and %s", count(entries, "entry"), count(uint64(len(index.Ledgers)), "ledger"),
		count(uint64(len(index.Receipts)), "receipt"), count(uint64(len(index.Files)), "file"))
	if file != "" {
		said += " into " + file
	}
	said += ".\n"
	if index.Record != nil {
		said += fmt.Sprintf("The record is %s.\n", index.Record.Status)
	}
	for _, why := range index.Why {
		said += why + "\n"
	}
	return said + "Hand over the verifier key, and a checkpoint that was kept before, by another way: the file proves nothing about itself.\n"
}
