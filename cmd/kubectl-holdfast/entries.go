package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// entriesOptions say which entries to list, and how.
type entriesOptions struct {
	kinds   []string
	since   string
	episode string
	output  string
}

func newEntries(now func() time.Time) *cobra.Command {
	var o entriesOptions
	cmd := &cobra.Command{
		Use:   "entries DIR",
		Short: "List the entries of a ledger's directory",
		Long: `List the entries of the current ledger in a directory, oldest first. It needs
no cluster, and writes nothing; the ledger may be in use.

The text has one line per entry: when it was observed, the kind, the policy and
the control, the subject, and what is stated. -o json prints the entries as they
are stored: canonical JSON, the leaves of the Merkle tree.`,
		Example: `  kubectl holdfast entries ./ledger --kind OutcomeChanged,Repaired,Gap --since 1h
  kubectl holdfast entries ./ledger --episode 5f3c9a04 -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := o.filter(now())
			if err != nil {
				return err
			}
			return list(cmd.Context(), args[0], f, o.output, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringSliceVar(&o.kinds, "kind", nil, "only entries of these kinds")
	cmd.Flags().StringVar(&o.since, "since", "", "only entries observed since: a time such as 2026-01-31T06:00:00Z, or a duration before now such as 30m")
	cmd.Flags().StringVar(&o.episode, "episode", "", "only entries of the episode with this id, or whose id begins so")
	cmd.Flags().StringVarP(&o.output, "output", "o", outputText, "text, or json: one entry per line, as stored")
	return cmd
}

// filter says which entries are wanted.
type filter struct {
	kinds   map[ledger.Kind]bool
	since   time.Time
	episode string
}

// filter checks the options. now is what a duration counts back from.
func (o entriesOptions) filter(now time.Time) (filter, error) {
	f := filter{episode: strings.ToLower(o.episode)}
	if o.output != outputText && o.output != outputJSON {
		return f, fmt.Errorf("--output %q: want text or json", o.output)
	}
	var err error
	if f.since, err = parseSince(o.since, now); err != nil {
		return f, err
	}
	if len(o.kinds) > 0 {
		f.kinds = map[ledger.Kind]bool{}
	}
	for _, name := range o.kinds {
		if !slices.Contains(ledger.Kinds(), ledger.Kind(name)) {
			return f, fmt.Errorf("--kind %q: want one of %s", name, joinKinds(ledger.Kinds()))
		}
		f.kinds[ledger.Kind(name)] = true
	}
	return f, nil
}

func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("--since %q: want a time such as 2026-01-31T06:00:00Z, or a duration such as 30m", s)
	}
	return t, nil
}

func joinKinds(kinds []ledger.Kind) string {
	names := make([]string, 0, len(kinds))
	for _, kind := range kinds {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

func (f filter) wants(e *ledger.Entry) bool {
	return (f.kinds == nil || f.kinds[e.Kind]) &&
		!e.ObservedAt.Before(f.since) &&
		strings.HasPrefix(e.Episode, f.episode)
}

// errUnreadable says that entries were listed of which some cannot be read.
var errUnreadable = errors.New("some entries cannot be read: verify says more")

// blockLines is the number of lines that are aligned with each other: a ledger
// may have millions.
const blockLines = 256

// list prints the wanted entries of a directory's current ledger.
func list(ctx context.Context, dir string, f filter, output string, w io.Writer) error {
	l := &lister{filter: f, json: output == outputJSON, w: w, table: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0), begun: episodes{}}
	if err := ledger.Read(ctx, dir, ledger.ReadOptions{Since: f.since}, l.entry); err != nil {
		return err
	}
	if err := l.table.Flush(); err != nil {
		return err
	}
	if l.unreadable {
		return errUnreadable
	}
	return nil
}

// lister prints entries as they are read.
type lister struct {
	filter
	json       bool
	w          io.Writer
	table      *tabwriter.Writer
	lines      int
	begun      episodes
	unreadable bool
}

func (l *lister) entry(seq uint64, data []byte) error {
	e, err := ledger.Decode(data)
	if err != nil && !errors.Is(err, ledger.ErrUnknownCritical) {
		l.unreadable = true
		if l.json {
			return nil
		}
		return l.line(fmt.Sprintf("entry %d cannot be read: %v", seq, err))
	}
	lasted := l.begun.add(e)
	switch {
	case !l.wants(e):
		return nil
	case l.json:
		_, err := fmt.Fprintf(l.w, "%s\n", data)
		return err
	default:
		return l.line(line(e, lasted))
	}
}

func (l *lister) line(text string) error {
	if _, err := fmt.Fprintln(l.table, text); err != nil {
		return err
	}
	if l.lines++; l.lines%blockLines == 0 {
		return l.table.Flush()
	}
	return nil
}

// episodes are when the episodes that are open began.
type episodes map[string]time.Time

// add takes note of an entry, and returns how long the episode lasted that it
// ends. It is 0 where the beginning was not read.
func (b episodes) add(e *ledger.Entry) time.Duration {
	began, open := b[e.Episode]
	switch {
	case e.Episode == "" || e.Kind != ledger.KindOutcomeChanged:
		return 0
	case e.Ending != "":
		delete(b, e.Episode)
		if open {
			return e.ObservedAt.Sub(began)
		}
	case !open && ledger.EpisodeID(e.ID) == e.Episode:
		b[e.Episode] = e.ObservedAt.Time
	}
	return 0
}
