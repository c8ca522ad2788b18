package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// probedSince is how far back runs of probes are looked for: what one saw counts for
// twice its interval, which is longest for restore tests.
const probedSince = 90 * 24 * time.Hour

// probedEntry is in every encoded entry about a run of probes.
const probedEntry = `"kind":"` + string(ledger.KindProbed) + `"`

// probedBefore is what probes saw last, by scope and by the target's key, as far as it
// still counts. Nothing is probed here: the operator does that, with accounts of its own.
type probedBefore map[string]map[string]control.Observation

// probes returns what a control may rest on of what probes saw, and says where it is from.
func (o explainOptions) probes(ctx context.Context, r *explainReport, def *assess.Definition, now time.Time) (probedBefore, error) {
	if !slices.Contains(def.Controls[0].Needs, control.NeedProbes) {
		return nil, nil
	}
	if o.ledger == "" {
		r.Sources = append(r.Sources, "not what probes saw, for only Holdfast's own accounts can probe: "+
			"the condition Conforming tells what came of it, and --ledger reads what was recorded")
		return nil, nil
	}
	seen, err := readProbed(ctx, o.ledger, now)
	if err != nil {
		return nil, fmt.Errorf("read the ledger in %s: %w", o.ledger, err)
	}
	r.Sources = append(r.Sources, "what Holdfast's probes saw last, from the ledger in "+o.ledger)
	return seen, nil
}

// readProbed reads what the newest runs of probes saw that still count.
func readProbed(ctx context.Context, dir string, now time.Time) (probedBefore, error) {
	reader, err := ledger.NewReader(dir)
	if err != nil {
		return nil, err
	}
	current, err := reader.Current()
	if err != nil {
		return nil, err
	}
	seen := probedBefore{}
	options := ledger.ReadOptions{LedgerID: current.LedgerID, Since: now.Add(-probedSince)}
	return seen, reader.Read(ctx, options, func(seq uint64, data []byte) error {
		if !bytes.Contains(data, []byte(probedEntry)) {
			return nil
		}
		e, err := ledger.Decode(data)
		if err != nil && !errors.Is(err, ledger.ErrUnknownCritical) {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		if e.Kind != ledger.KindProbed || e.Probe == nil || e.Subject == nil || !now.Before(e.Probe.ValidUntil.Time) {
			return nil
		}
		data, err = reader.Object(current.LedgerID, e.Probe.Observations)
		if err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		return seen.add(e, data)
	})
}

// add takes note of what one run saw. The entry has the times, and what was seen has none.
func (p probedBefore) add(e *ledger.Entry, data []byte) error {
	var observations []control.Observation
	if err := json.Unmarshal(data, &observations); err != nil {
		return fmt.Errorf("entry %d: what probes saw: %w", e.Seq, err)
	}
	scope := ledger.ScopeOf(*e.Subject)
	if p[scope] == nil {
		p[scope] = map[string]control.Observation{}
	}
	for _, o := range observations {
		o.At, o.ValidUntil = e.ObservedAt.Time, e.Probe.ValidUntil.Time
		p[scope][o.Key()] = o
	}
	return nil
}

// fill puts into a snapshot what was seen of the control's targets. Where one of them
// was not seen, or too long ago, that awaits a probe, as it does for the operator.
func (p probedBefore) fill(snapshot *control.Snapshot, def *assess.Definition, now time.Time) {
	c := &def.Controls[0]
	if !slices.Contains(c.Needs, control.NeedProbes) {
		return
	}
	targets := c.Targets(def, snapshot, now)
	awaited := false
	for _, target := range targets {
		o, is := p[snapshot.Namespace.Name][target.Key()]
		if !is {
			awaited = true
			continue
		}
		snapshot.Observations = append(snapshot.Observations, o)
	}
	slices.SortFunc(snapshot.Observations, func(a, b control.Observation) int { return strings.Compare(a.Key(), b.Key()) })
	if !awaited {
		return
	}
	snapshot.Unavailable = maps.Clone(snapshot.Unavailable)
	if snapshot.Unavailable == nil {
		snapshot.Unavailable = map[control.Need]string{}
	}
	snapshot.Unavailable[control.NeedProbes] = cmp.Or(snapshot.Unavailable[control.NeedProbes], control.ReasonInconclusive)
}
