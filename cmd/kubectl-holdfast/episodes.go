package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render"
)

// episodesOptions say which episodes to list.
type episodesOptions struct {
	periodOptions
	classes, origins []string
	subject, since   string
	output           string
}

func newEpisodes(src *sources, now func() time.Time) *cobra.Command {
	o := episodesOptions{periodOptions: periodOptions{src: src}}
	cmd := &cobra.Command{
		Use:   "episodes",
		Short: "List the episodes of a period: what deviated, for how long, and why",
		Long: `List the episodes that overlap a period, by when they were detected. It
writes nothing to the ledger, which may be in use.

Class is by the tolerance that the control stated when the episode began. A
length that is not known exactly is told by what it surely was, and may have been.`,
		Example: `  kubectl holdfast episodes ./ledger --from 2026-03-01 --class Deviation,Indeterminate
  kubectl holdfast episodes ./ledger --subject shop --since 24h -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, named(args), now())
		},
	}
	o.bind(cmd, false)
	cmd.Flags().StringSliceVar(&o.classes, "class", nil, "only these classes: "+strings.Join(episodeClasses(), ", "))
	cmd.Flags().StringSliceVar(&o.origins, "origin", nil, "only these origins: "+strings.Join(episodeOrigins(), ", "))
	cmd.Flags().StringVar(&o.subject, "subject", "", "only this subject: its name, or its namespace and name with a slash between")
	cmd.Flags().StringVar(&o.since, "since", "", "only episodes detected since: a time such as 2026-01-31T06:00:00Z, or a duration before now such as 24h")
	outputFlag(cmd, &o.output, outputText, outputWide, outputJSON, outputYAML)
	return cmd
}

func episodeClasses() []string {
	return []string{report.ClassDeviation, report.ClassIndeterminate, report.ClassPending, report.ClassWithinTolerance, report.ClassBaseline}
}

func episodeOrigins() []string {
	var names []string
	for _, o := range []ledger.Origin{
		ledger.OriginDrift, ledger.OriginNewSubject, ledger.OriginEnteredScope, ledger.OriginBaseline, ledger.OriginDefinitionChanged,
		ledger.OriginAttestationExpired, ledger.OriginAfterGap, ledger.OriginUnknown,
	} {
		names = append(names, string(o))
	}
	return names
}

// episodeList is what -o json and -o yaml print.
type episodeList struct {
	header
	Title   string      `json:"title"`
	Status  string      `json:"status"`
	Through ledger.Time `json:"through"`
	// Total is how many episodes there are in the period, of which Episodes are
	// those that were asked for.
	Total    int             `json:"total"`
	Episodes []listedEpisode `json:"episodes"`
}

// listedEpisode is an episode with its control.
type listedEpisode struct {
	Policy  string `json:"policy"`
	Control string `json:"control"`
	report.Episode
}

func (o *episodesOptions) run(cmd *cobra.Command, arg string, now time.Time) error {
	since, err := o.check(now)
	if err != nil {
		return err
	}
	record, err := o.fold(cmd, arg, now)
	if err != nil {
		return err
	}
	list := o.list(record, since)
	return present(cmd.OutOrStdout(), o.output, list, func(s screen, out *strings.Builder) { list.print(s, out, o.output == outputWide) })
}

// check checks the flags that say which episodes.
func (o *episodesOptions) check(now time.Time) (since time.Time, err error) {
	for _, class := range o.classes {
		if !slices.Contains(episodeClasses(), class) {
			return since, fmt.Errorf("--class %q: want one of %s", class, strings.Join(episodeClasses(), ", "))
		}
	}
	for _, origin := range o.origins {
		if !slices.Contains(episodeOrigins(), origin) {
			return since, fmt.Errorf("--origin %q: want one of %s", origin, strings.Join(episodeOrigins(), ", "))
		}
	}
	return parseSince(o.since, now)
}

// list are the episodes that are asked for, by when they were detected.
func (o *episodesOptions) list(record *report.Record, since time.Time) *episodeList {
	list := &episodeList{header: headerOf("EpisodeList"), Title: record.Title, Status: record.Status, Through: record.Through, Episodes: []listedEpisode{}}
	for i := range record.Controls {
		c := &record.Controls[i]
		for _, e := range slices.Concat(c.Baseline, c.Episodes) {
			list.Total++
			if o.wants(&e, since) {
				list.Episodes = append(list.Episodes, listedEpisode{c.Policy, c.ID, e})
			}
		}
	}
	slices.SortStableFunc(list.Episodes, func(a, b listedEpisode) int { return detected(&a.Episode).Compare(detected(&b.Episode)) })
	return list
}

func (o *episodesOptions) wants(e *report.Episode, since time.Time) bool {
	return (len(o.classes) == 0 || slices.Contains(o.classes, e.Class)) &&
		(len(o.origins) == 0 || slices.Contains(o.origins, e.Origin)) &&
		(o.subject == "" || o.subject == e.Subject.Name || o.subject == e.Subject.Namespace+"/"+e.Subject.Name) &&
		!detected(e).Before(since)
}

// detected is when an episode was found, or the next best.
func detected(e *report.Episode) time.Time {
	switch {
	case e.Started.NotAfter != nil:
		return e.Started.NotAfter.Time
	case e.Started.NotBefore != nil:
		return e.Started.NotBefore.Time
	default:
		return time.Time{}
	}
}

// print prints the episodes as a table; wide ones with their ids and who acted.
func (l *episodeList) print(s screen, out *strings.Builder, wide bool) {
	s.paragraph(out, printable(l.Title)+".", fmt.Sprintf("%s of %d listed; times are UTC.", count(uint64(len(l.Episodes)), "episode"), l.Total))
	if len(l.Episodes) == 0 {
		return
	}
	out.WriteString("\n")
	head := []string{"DETECTED", "CONTROL", "SUBJECT", "CLASS", "ORIGIN", "LENGTH", "ENDING", "WHAT"}
	if wide {
		head = append([]string{"EPISODE", "ACTOR", "ENTRIES"}, head...)
	}
	t := newTable(head...)
	for i := range l.Episodes {
		t.row(l.Episodes[i].cells(wide)...)
	}
	t.print(out, s, "")
}

func (e *listedEpisode) cells(wide bool) []string {
	class := e.Class
	if e.Recurring {
		class += " (Recurring)"
	}
	cells := []string{
		detected(&e.Episode).UTC().Format(timeLayout), e.Policy + "/" + e.Control, e.Subject.String(), class, e.Origin, render.Length(e.Length), e.Ending,
		what(e.Rules, e.Message),
	}
	if !wide {
		return cells
	}
	last := "-"
	if e.Last != nil {
		last = fmt.Sprint(*e.Last)
	}
	return append([]string{short(e.ID), e.Actor, fmt.Sprintf("%d to %s", e.First, last)}, cells...)
}

// what is what was found: the message, or the rules where there is none.
func what(rules []control.RuleState, message string) string {
	if message != "" {
		return message
	}
	var parts []string
	for _, rule := range rules {
		parts = append(parts, ruleText(rule))
	}
	return strings.Join(parts, ", ")
}
