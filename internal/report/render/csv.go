package render

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// headLines is the number of lines before the line with the names of the
// columns, in every register: who reads them with a program skips so many.
const headLines = 12

// byteOrderMark makes spreadsheets read UTF-8.
const byteOrderMark = "\uFEFF"

// register is one table of a record, in full.
type register struct {
	// file is its file's name, about says what a row is.
	file  string
	about string
	// sums reconciles its rows with the counts of the record.
	sums    string
	columns []string
	rows    iter.Seq[[]string]
}

// CSV writes one file per register through create: UTF-8 with a byte order mark,
// twelve lines that say what it is, the names of the columns, the rows. Times
// are UTC, durations are in seconds.
func CSV(create func(name string) (io.WriteCloser, error), r *report.Record, o Options) error {
	for _, g := range registers(r, o) {
		if err := writeRegister(create, r, g); err != nil {
			return fmt.Errorf("write %s: %w", g.file, err)
		}
	}
	return nil
}

func writeRegister(create func(string) (io.WriteCloser, error), r *report.Record, g register) error {
	file, err := create(g.file)
	if err != nil {
		return err
	}
	if err := g.write(file, r); err != nil {
		_ = file.Close() // What went wrong first is told.
		return err
	}
	return file.Close()
}

func (g register) write(w io.Writer, r *report.Record) error {
	buffered := bufio.NewWriter(w)
	if _, err := buffered.WriteString(byteOrderMark); err != nil {
		return err
	}
	out := csv.NewWriter(buffered)
	for _, line := range g.head(r) {
		if err := out.Write(line); err != nil {
			return err
		}
	}
	if err := out.Write(g.columns); err != nil {
		return err
	}
	for row := range g.rows {
		if err := out.Write(safe(row)); err != nil {
			return err
		}
	}
	if out.Flush(); out.Error() != nil {
		return out.Error()
	}
	return buffered.Flush()
}

// head are the lines before the table. A spreadsheet shows them as rows of two
// columns and more.
func (g register) head(r *report.Record) [][]string {
	rows := 0
	for range g.rows {
		rows++
	}
	size, root := heldRoot(r)
	lines := [][]string{
		{"# Record", r.Title},
		{"# Status", r.Status},
		{"# Register", strings.TrimSuffix(g.file, ".csv"), g.about},
		{"# Units", "times are UTC, durations are in seconds, an empty cell means not known or none"},
		append([]string{"# Period"}, periodCells(r)...),
		{"# Evidence through", exact(&r.Through)},
		{"# Query", queryText(r.Query)},
		{"# Ledger", ledgerText(r.Custody)},
		{"# Newest anchored checkpoint", size, root},
		{"# Rows", strconv.Itoa(rows)},
		{"# Reconciles", g.sums},
		{"#"},
	}
	for i := range lines {
		lines[i] = safe(lines[i])
	}
	return lines
}

func periodCells(r *report.Record) []string {
	if r.Query.AsOf != nil {
		return []string{"as of " + exact(r.Query.AsOf)}
	}
	return []string{exact(r.Query.From), exact(r.Query.To), "the end excluded"}
}

// queryText says which policies and controls the record is about.
func queryText(q report.Query) string {
	names := func(list []string) string {
		if len(list) == 0 {
			return "all"
		}
		return strings.Join(list, " ")
	}
	return "policies: " + names(q.Policies) + "; controls: " + names(q.Controls)
}

// ledgerText names the ledgers, and the entries of each that were folded.
func ledgerText(c report.Custody) string {
	var parts []string
	for _, l := range c.Ledgers {
		parts = append(parts, fmt.Sprintf("%s entries %d to %d", l.LedgerID, l.First, l.Last))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "; ")
}

// heldRoot is the newest checkpoint of which somebody outside holds a receipt.
func heldRoot(r *report.Record) (size, root string) {
	anchors := r.Custody.Anchors
	for i := len(anchors) - 1; i >= 0; i-- {
		if a := anchors[i]; a.Failed == "" {
			return fmt.Sprintf("size %d of %s", a.Size, a.Origin), "root " + a.RootHash
		}
	}
	return "none", ""
}

// safe makes cells that no spreadsheet takes for a formula, and that are one
// line each.
func safe(cells []string) []string {
	for i, cell := range cells {
		cell = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, cell)
		if first := strings.TrimLeft(cell, " "); first != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(first)[0]) {
			cell = "'" + cell
		}
		cells[i] = cell
	}
	return cells
}

// each yields the rows that row makes of a list.
func each[T any](list []T, row func(*T) []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for i := range list {
			if !yield(row(&list[i])) {
				return
			}
		}
	}
}

// ofControls yields the rows that each control has.
func ofControls[T any](r *report.Record, list func(*report.Control) []T, row func(*report.Control, *T) []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for i := range r.Controls {
			c := &r.Controls[i]
			for _, item := range list(c) {
				if !yield(append([]string{c.Policy, c.ID}, row(c, &item)...)) {
					return
				}
			}
		}
	}
}

// Cells.

func whole[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

func position(n *uint64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatUint(*n, 10)
}

func secondsOrNone(ns *int64) string {
	if ns == nil {
		return ""
	}
	return seconds(*ns)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// subjectSeconds writes subject-time, which is in microseconds.
func subjectSeconds(us int64) string {
	text := fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func interval(i report.Interval) []string {
	return []string{exact(&i.From), exact(&i.To)}
}

func fourTimes(started, ended report.Bounds) []string {
	return []string{exact(started.NotBefore), exact(started.NotAfter), exact(ended.NotBefore), exact(ended.NotAfter)}
}

func clusterOf(c ledger.ClusterBody) string {
	return strings.TrimSpace(c.KubeSystemUID + " " + c.ServerVersion)
}
