// Package exporting writes the records of schedules into a directory, each file
// whole or not at all.
package exporting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/bundle"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render"
)

// temporary begins the names of what is not complete.
const temporary = ".holdfast-"

// Exporter writes records.
type Exporter struct {
	// Dir is the export directory, LedgerDir the ledger's volume.
	Dir, LedgerDir string
	// Version is that of the program.
	Version string
}

// Request asks for one record.
type Request struct {
	// Schedule and Export name the folder in the export directory.
	Schedule, Export string
	Query            report.Query
	Formats          []v1alpha1.ExportFormat
	// Rolling is true where the record replaces all that were written before;
	// else it replaces interim ones only.
	Rolling bool
}

// Write writes a record in all formats, and removes those that it replaces. It
// reports whether the record is complete.
func (e *Exporter) Write(ctx context.Context, r Request) (complete bool, err error) {
	reader, err := ledger.NewReader(e.LedgerDir)
	if err != nil {
		return false, err
	}
	record, err := report.Fold(ctx, reader, r.Query)
	if err != nil {
		return false, err
	}
	folder := filepath.Join(e.Dir, r.Schedule, r.Export)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return false, fmt.Errorf("make the folder: %w", err)
	}
	w := &writer{folder: folder, record: record}
	for _, format := range r.Formats {
		if err := e.format(ctx, w, reader, r, format); err != nil {
			return false, fmt.Errorf("write %s: %w", format, err)
		}
	}
	return record.Status == report.Complete, w.sweep(r.Rolling)
}

// format writes the record in one format.
func (e *Exporter) format(ctx context.Context, w *writer, reader *ledger.Reader, r Request, format v1alpha1.ExportFormat) error {
	switch format {
	case v1alpha1.ExportHTML:
		return w.file("html", func(out io.Writer) error { return render.HTML(out, w.record, render.Options{}) })
	case v1alpha1.ExportJSON:
		return w.file("json", func(out io.Writer) error { return render.JSON(out, w.record) })
	case v1alpha1.ExportOSCAL:
		return w.file("oscal.json", func(out io.Writer) error { return render.OSCAL(out, w.record, render.Options{}) })
	case v1alpha1.ExportCSV:
		return w.registers()
	case v1alpha1.ExportBundle:
		return w.file("tar.zst", func(out io.Writer) error {
			_, err := bundle.Write(ctx, out, reader, w.folder, bundle.Options{Query: &r.Query, HTML: true, Version: e.Version})
			return err
		})
	default:
		return errors.New("this version does not know the format")
	}
}

// writer writes the files of one record.
type writer struct {
	folder string
	record *report.Record
	// written are the names of what is complete.
	written []string
}

// file writes one file.
func (w *writer) file(extension string, write func(io.Writer) error) error {
	name := render.FileName(w.record, extension)
	file, err := os.CreateTemp(w.folder, temporary)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // It is gone once it was renamed.
	if err := errors.Join(write(file), file.Chmod(0o644), file.Sync(), file.Close()); err != nil {
		return err
	}
	w.written = append(w.written, name)
	return os.Rename(file.Name(), filepath.Join(w.folder, name))
}

// registers writes the folder of registers.
func (w *writer) registers() error {
	name := render.FileName(w.record, "csv")
	folder, err := os.MkdirTemp(w.folder, temporary)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // It is gone once it was renamed.
	create := func(name string) (io.WriteCloser, error) { return os.Create(filepath.Join(folder, name)) }
	if err := errors.Join(render.CSV(create, w.record, render.Options{}), os.Chmod(folder, 0o755)); err != nil {
		return err
	}
	path := filepath.Join(w.folder, name)
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	w.written = append(w.written, name)
	return os.Rename(folder, path)
}

// sweep removes what the record replaces, and what a crash left.
func (w *writer) sweep(rolling bool) error {
	entries, err := os.ReadDir(w.folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		interim := strings.Contains(name, "-"+strings.ToLower(report.Interim))
		if slices.Contains(w.written, name) || !(rolling || interim || strings.HasPrefix(name, temporary)) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(w.folder, name)); err != nil {
			return fmt.Errorf("remove what was replaced: %w", err)
		}
	}
	return nil
}
