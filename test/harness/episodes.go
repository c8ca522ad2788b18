package harness

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Episode is one interval in which a subject deviated, folded from the entries.
type Episode struct {
	ID      string
	Policy  string
	Control string
	Subject control.Subject
	Origin  ledger.Origin
	// Ending is empty while the episode is open.
	Ending ledger.Ending
	// Opened and Closed are the entries that began and ended it.
	Opened, Closed *ledger.Entry
	// Repairs and Failures are the entries about repairs of it.
	Repairs, Failures Evidence
}

// Episodes are episodes in the order of their beginnings.
type Episodes []*Episode

// Episodes folds the entries, by the test's own rules, and not those of the
// operator.
func (e Evidence) Episodes() Episodes {
	f := folding{byID: map[string]*Episode{}}
	for _, entry := range e {
		f.take(entry)
	}
	return f.episodes
}

type folding struct {
	episodes Episodes
	byID     map[string]*Episode
}

func (f *folding) take(e *ledger.Entry) {
	switch e.Kind {
	case ledger.KindOutcomeChanged:
		f.state(e)
	case ledger.KindRepaired:
		if episode := f.byID[e.Episode]; episode != nil {
			episode.Repairs = append(episode.Repairs, e)
		}
	case ledger.KindRepairFailed:
		if episode := f.byID[e.Episode]; episode != nil {
			episode.Failures = append(episode.Failures, e)
		}
	case ledger.KindSubjectDeleted:
		f.end(e, ledger.EndingSubjectDeleted, func(o *Episode) bool { return o.Policy == e.Policy.Name && o.Subject == *e.Subject })
	case ledger.KindScopeLeft:
		f.end(e, ledger.EndingLeftScope, func(o *Episode) bool { return o.Policy == e.Policy.Name && o.Subject == *e.Subject })
	case ledger.KindControlWithdrawn:
		f.end(e, ledger.EndingControlWithdrawn, func(o *Episode) bool { return o.Policy == e.Policy.Name && o.Control == e.Control })
	}
}

func (f *folding) state(e *ledger.Entry) {
	episode := f.byID[e.Episode]
	switch {
	case e.Episode == "":
	case episode == nil:
		episode = &Episode{ID: e.Episode, Policy: e.Policy.Name, Control: e.Control, Subject: *e.Subject, Origin: e.Origin, Opened: e}
		f.byID[e.Episode] = episode
		f.episodes = append(f.episodes, episode)
	case e.To.Outcome == control.NotEvaluated:
		// Losing sight of a subject does not end its episode.
	case e.To.Outcome != control.Deviating:
		episode.Ending, episode.Closed = e.Ending, e
	}
}

// end ends the open episodes that match.
func (f *folding) end(e *ledger.Entry, ending ledger.Ending, match func(*Episode) bool) {
	for _, episode := range f.episodes {
		if episode.Closed == nil && match(episode) {
			episode.Ending, episode.Closed = ending, e
		}
	}
}

// Where are the episodes for which keep returns true.
func (e Episodes) Where(keep func(*Episode) bool) Episodes {
	var kept Episodes
	for _, episode := range e {
		if keep(episode) {
			kept = append(kept, episode)
		}
	}
	return kept
}

// Of are the episodes of a policy.
func (e Episodes) Of(policy string) Episodes {
	return e.Where(func(o *Episode) bool { return o.Policy == policy })
}

// On are the episodes of a subject, by name.
func (e Episodes) On(subject string) Episodes {
	return e.Where(func(o *Episode) bool { return o.Subject.Name == subject })
}

// From are the episodes of an origin.
func (e Episodes) From(origin ledger.Origin) Episodes {
	return e.Where(func(o *Episode) bool { return o.Origin == origin })
}

// Ended are the episodes that ended so.
func (e Episodes) Ended(ending ledger.Ending) Episodes {
	return e.Where(func(o *Episode) bool { return o.Ending == ending })
}

// Open are the episodes without an end.
func (e Episodes) Open() Episodes {
	return e.Where(func(o *Episode) bool { return o.Closed == nil })
}

// Repairs is the number of repairs of all the episodes.
func (e Episodes) Repairs() int {
	n := 0
	for _, episode := range e {
		n += len(episode.Repairs)
	}
	return n
}

// Want returns an error unless there are so many episodes.
func (e Episodes) Want(n int) error {
	if len(e) != n {
		return fmt.Errorf("%d episodes, want %d:\n%s", len(e), n, e)
	}
	return nil
}

// String lists the episodes.
func (e Episodes) String() string {
	lines := make([]string, 0, len(e))
	for _, o := range e {
		line := fmt.Sprintf("%s %s/%s on %s: %s from entry %d, %d repairs, %d failures", o.ID[:8], o.Policy, o.Control, o.Subject, o.Origin, o.Opened.Seq, len(o.Repairs), len(o.Failures))
		if o.Closed != nil {
			line += fmt.Sprintf(", %s with entry %d", o.Ending, o.Closed.Seq)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
