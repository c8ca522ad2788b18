package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// periodOptions say which record is asked for.
type periodOptions struct {
	src                *sources
	asOf, from, to     string
	policies, controls []string
}

// bind adds the flags. Without instant there is none for a record as of one.
func (o *periodOptions) bind(cmd *cobra.Command, instant bool) {
	const form = "a date such as 2026-03-01, which begins at midnight UTC, or a time such as 2026-03-01T06:00:00Z"
	if instant {
		cmd.Flags().StringVar(&o.asOf, "as-of", "", "the record as of an instant: "+form)
	}
	cmd.Flags().StringVar(&o.from, "from", "", "start of the period: "+form+" (default: the ledger's first entry)")
	cmd.Flags().StringVar(&o.to, "to", "", "end of the period, which is excluded: "+form+" (default: now)")
	cmd.Flags().StringSliceVar(&o.policies, "policy", nil, "only controls of these policies")
	cmd.Flags().StringSliceVar(&o.controls, "control", nil, "only these controls, as ID or POLICY/ID")
}

// fold makes the record that is asked for of a ledger. now is where a period
// ends that is not said to end earlier.
func (o *periodOptions) fold(cmd *cobra.Command, arg string, now time.Time) (*report.Record, error) {
	src, err := o.src.open(cmd, arg)
	if err != nil {
		return nil, err
	}
	defer src.done()
	q, err := o.query(cmd.Context(), src, now)
	if err != nil {
		return nil, err
	}
	p := startProgress(cmd.Context(), cmd.ErrOrStderr())
	defer p.end()
	p.at("reading the entries of %s", src.name)
	return report.Fold(cmd.Context(), src, q)
}

// query is what is asked for.
func (o *periodOptions) query(ctx context.Context, src report.Source, now time.Time) (report.Query, error) {
	q := report.Query{Policies: o.policies, Controls: o.controls}
	var err error
	if q.AsOf, err = parseMoment("as-of", o.asOf); err != nil {
		return q, err
	}
	if q.From, err = parseMoment("from", o.from); err != nil {
		return q, err
	}
	if q.To, err = parseMoment("to", o.to); err != nil {
		return q, err
	}
	if q.AsOf != nil {
		if q.From != nil || q.To != nil {
			return q, errors.New("--as-of asks for an instant, --from and --to for a period: give one or the other")
		}
		return q, nil
	}
	if q.From == nil {
		if q.From, err = firstEntry(ctx, src); err != nil {
			return q, err
		}
	}
	if q.To == nil {
		q.To = new(ledger.At(now))
	}
	if !q.From.Before(q.To.Time) {
		return q, fmt.Errorf("the period is empty: it would begin at %s and end at %s", q.From.Format(time.RFC3339), q.To.Format(time.RFC3339))
	}
	return q, nil
}

// parseMoment reads a date or a time.
func parseMoment(flag, text string) (*ledger.Time, error) {
	if text == "" {
		return nil, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return new(ledger.At(t)), nil
		}
	}
	return nil, fmt.Errorf("--%s %q: want a date such as 2026-03-01, or a time such as 2026-03-01T06:00:00Z", flag, text)
}

// errStop ends the reading of entries.
var errStop = errors.New("enough was read")

// firstEntry is when the first entry of the chain was observed.
func firstEntry(ctx context.Context, src report.Source) (*ledger.Time, error) {
	for _, link := range src.Chain() {
		var first *ledger.Time
		err := src.Read(ctx, ledger.ReadOptions{LedgerID: link.LedgerID}, func(_ uint64, data []byte) error {
			e, err := ledger.Decode(data)
			if err != nil {
				return err
			}
			first = &e.ObservedAt
			return errStop
		})
		if err != nil && !errors.Is(err, errStop) {
			return nil, fmt.Errorf("read the first entry: %w", err)
		}
		if first != nil {
			return first, nil
		}
	}
	return nil, errors.New("the ledger has no entries")
}
