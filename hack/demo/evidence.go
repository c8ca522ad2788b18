package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// episode is an episode as it stands in the ledger.
type episode struct {
	id string
	// unit is the control and the subject, such as "NET-1 Namespace shop".
	policy, unit, subject string

	origin ledger.Origin
	ending ledger.Ending
	// seq is the number of the entry that opened it.
	seq    uint64
	lasted time.Duration
	// repairs is the number of repairs recorded in it.
	repairs int
	// rules are those that failed last, each with its reason.
	rules []string

	began time.Time
}

// entriesSince reads the entries observed at t or later.
func (d *demo) entriesSince(ctx context.Context, t time.Time) ([]ledger.Entry, error) {
	var entries []ledger.Entry
	err := ledger.Read(ctx, d.ledger(), ledger.ReadOptions{Since: t}, func(_ uint64, data []byte) error {
		e, err := ledger.Decode(data)
		if err == nil && !e.ObservedAt.Before(t) {
			entries = append(entries, *e)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return entries, nil
}

// episodesOf folds entries into the episodes that began in them, in order.
func episodesOf(entries []ledger.Entry) []episode {
	var episodes []episode
	for i := range entries {
		e := &entries[i]
		at := slices.IndexFunc(episodes, func(x episode) bool { return x.id == e.Episode })
		switch {
		case e.Episode == "":
		case e.Kind == ledger.KindOutcomeChanged && e.Ending == "" && at < 0:
			episodes = append(episodes, begun(e))
		case at < 0:
		case e.Kind == ledger.KindRepaired:
			episodes[at].repairs++
		case e.Kind == ledger.KindOutcomeChanged && e.To.Outcome != control.Deviating:
			episodes[at].ending, episodes[at].lasted = e.Ending, e.ObservedAt.Sub(episodes[at].began)
		case e.Kind == ledger.KindOutcomeChanged:
			episodes[at].fails(e)
		}
	}
	return episodes
}

// begun is the episode that an entry opens.
func begun(e *ledger.Entry) episode {
	x := episode{id: e.Episode, subject: e.Subject.Name, unit: e.Control + " " + e.Subject.String(), origin: e.Origin, seq: e.Seq, began: e.ObservedAt.Time}
	if e.Policy != nil {
		x.policy = e.Policy.Name
	}
	x.fails(e)
	return x
}

// fails takes over which rules an entry says that failed.
func (e *episode) fails(entry *ledger.Entry) {
	e.rules = nil
	for _, r := range entry.To.Rules {
		e.rules = append(e.rules, r.Rule+" "+r.Reason)
	}
}

// endedSince waits until a namespace has n episodes under the policy about networks
// that began since t and all of them ended, and returns those that there are, in any case.
func (d *demo) endedSince(ctx context.Context, t time.Time, namespace string, n int) ([]episode, error) {
	var found []episode
	err := wait.PollUntilContextTimeout(ctx, poll, waitLimit, true, func(ctx context.Context) (bool, error) {
		entries, err := d.entriesSince(ctx, t)
		if err != nil {
			return false, err
		}
		found = slices.DeleteFunc(episodesOf(entries), func(e episode) bool { return e.policy != policyName || e.subject != namespace })
		open := slices.ContainsFunc(found, func(e episode) bool { return e.ending == "" })
		return len(found) >= n && !open, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return found, nil // what is missing is a claim that does not hold
	}
	return found, err
}

// describe says what the claims about an episode are about.
func (e episode) describe() string {
	return fmt.Sprintf("%s → %s, repaired %d×", e.origin, e.ending, e.repairs)
}

func describeAll(episodes []episode) []string {
	texts := make([]string, 0, len(episodes))
	for _, e := range episodes {
		texts = append(texts, e.describe())
	}
	return texts
}

// kindsOf are the entries of a kind.
func kindsOf(entries []ledger.Entry, kind ledger.Kind) []ledger.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e ledger.Entry) bool { return e.Kind != kind })
}
