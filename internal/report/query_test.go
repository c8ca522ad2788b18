package report_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

func TestQueriesThatCannotBeAnswered(t *testing.T) {
	s := storyStopped(t)
	cases := map[string]struct {
		query   report.Query
		wantErr string
	}{
		"nothing asked":             {report.Query{}, "a record needs an instant (asOf), or a period (from and to)"},
		"no end":                    {report.Query{From: moment(0)}, "a record needs an instant (asOf), or a period (from and to)"},
		"both":                      {report.Query{AsOf: moment(0), From: moment(0), To: moment(hour)}, "a record is either as of an instant or of a period: give asOf, or from and to"},
		"ends before it starts":     {report.Query{From: moment(hour), To: moment(0)}, "the period ends at 2026-03-01T06:00:00Z, which is not after its start at 2026-03-01T07:00:00Z: swap them"},
		"is empty":                  {report.Query{From: moment(hour), To: moment(hour)}, "the period ends at 2026-03-01T07:00:00Z, which is not after its start at 2026-03-01T07:00:00Z: swap them"},
		"a year that is none":       {report.Query{AsOf: new(ledger.At(time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)))}, "asOf is in the year 12026: it has to be between 1970 and 9999"},
		"starts in the future":      {report.Query{From: moment(7 * hour), To: moment(8 * hour)}, "the period lies in the future of the ledger, whose newest entry is of 2026-03-01T12:00:00Z: let it start before that"},
		"an instant in the future":  {report.Query{AsOf: moment(7 * hour)}, "2026-03-01T13:00:00Z lies in the future of the ledger, whose newest entry is of 2026-03-01T12:00:00Z: ask for that time or an earlier one"},
		"before the ledger":         {report.Query{From: moment(-2 * hour), To: moment(-hour)}, "the period lies before the ledger, whose first entry is of 2026-03-01T06:00:00Z: let it end after that"},
		"an instant before it":      {report.Query{AsOf: moment(-hour)}, "2026-03-01T05:00:00Z lies before the ledger, whose first entry is of 2026-03-01T06:00:00Z: ask for that time or a later one"},
		"unknown policy":            {report.Query{From: moment(0), To: moment(hour), Policies: []string{"q"}}, `the ledger knows no policy "q"; it knows p`},
		"unknown control":           {report.Query{From: moment(0), To: moment(hour), Controls: []string{"NET-1", "NET-9"}}, `the ledger knows no control "NET-9" in what was asked for; it knows p/NET-1`},
		"control of another policy": {report.Query{From: moment(0), To: moment(hour), Controls: []string{"q/NET-1"}}, `the ledger knows no control "q/NET-1" in what was asked for; it knows p/NET-1`},
		"period":                    {report.Query{From: moment(0), To: moment(hour), Controls: []string{"p/NET-1"}, Policies: []string{"p"}}, ""},
		"starts before the ledger":  {report.Query{From: moment(-hour), To: moment(hour)}, ""},
		"ends in the future":        {report.Query{From: moment(0), To: moment(99 * hour)}, ""},
		"instant":                   {report.Query{AsOf: moment(6 * hour)}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := report.Fold(t.Context(), s, tc.query)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tc.wantErr {
				t.Errorf("error %q, want %q", got, tc.wantErr)
			}
		})
	}
}

// TestStatus: a record is complete only if something was observed at or after its end.
func TestStatus(t *testing.T) {
	s := storyStopped(t)
	for to, want := range map[time.Duration]string{6 * hour: report.Complete, 6*hour + time.Microsecond: report.Interim, 9 * hour: report.Interim} {
		r := folded(t, s, report.Query{From: moment(0), To: moment(to)})
		if r.Status != want || !strings.HasSuffix(r.Title, "("+want+")") || r.Through.After(epoch.Add(6*hour)) {
			t.Errorf("up to %s: %s, %q, through %s; want %s", to, r.Status, r.Title, r.Through, want)
		}
	}
}

// TestSelection: a record of some controls has those, and what was changed about them.
func TestSelection(t *testing.T) {
	s := settled(t)
	s.at(2*minute).policy("q", isolation(v1alpha1.ModeObserve, nil, "NET-1", "NET-2"))
	s.introduce("q", "NET-2")
	s.at(hour).beat()
	for _, tc := range []struct {
		query report.Query
		want  []string
	}{
		{report.Query{}, []string{"p/NET-1", "q/NET-1", "q/NET-2"}},
		{report.Query{Policies: []string{"q"}}, []string{"q/NET-1", "q/NET-2"}},
		{report.Query{Controls: []string{"NET-1"}}, []string{"p/NET-1", "q/NET-1"}},
		{report.Query{Controls: []string{"q/NET-2"}}, []string{"q/NET-2"}},
	} {
		tc.query.From, tc.query.To = moment(0), moment(hour)
		r := folded(t, s, tc.query)
		var got []string
		for _, c := range r.Controls {
			got = append(got, c.Policy+"/"+c.ID)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("controls %q, want %q", got, tc.want)
		}
		if !slices.Contains(tc.want, "p/NET-1") && slices.ContainsFunc(r.Changes, func(c report.Change) bool { return c.What == "ControlPolicy p" }) {
			t.Errorf("a record of %q has a change of policy p", tc.want)
		}
	}
}

// lossy is a source of which something cannot be read.
type lossy struct {
	*scribe
	object string
}

func (l lossy) Object(id, digest string) ([]byte, error) {
	if digest == l.object {
		return nil, fs.ErrNotExist
	}
	return l.scribe.Object(id, digest)
}

// TestAMissingSpecStopsTheRecord: without it nobody knows what was stated.
func TestAMissingSpecStopsTheRecord(t *testing.T) {
	s := settled(t).at(hour).also(func(s *scribe) { s.beat() })
	_, err := report.Fold(t.Context(), lossy{s, s.specs["p"].Definition}, report.Query{From: moment(0), To: moment(hour)})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "the spec of policy p, generation 1") {
		t.Errorf("error: %v", err)
	}
}

// FuzzQuery: any query is answered, or refused in one sentence.
func FuzzQuery(f *testing.F) {
	for _, q := range []report.Query{{AsOf: moment(hour)}, {From: moment(0), To: moment(hour), Controls: []string{"NET-1"}}, {}} {
		data, err := json.Marshal(q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var q report.Query
		if json.Unmarshal(data, &q) != nil {
			return
		}
		r, err := report.Fold(t.Context(), storyRestored(t), q)
		switch {
		case err != nil && strings.ContainsAny(err.Error(), "\n"):
			t.Errorf("more than one line: %q", err)
		case err == nil && r == nil:
			t.Error("neither a record nor an error")
		}
	})
}

// FuzzEntries: whatever the entries are, there is a record or an error, and the
// record's population adds up.
func FuzzEntries(f *testing.F) {
	for _, story := range stories() {
		s := story(f)
		f.Add([]byte(strings.Join(s.lines(), "\n")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newScribe(t)
		s.begin(ledger.OpenFirstInstall)
		s.policy("p", isolation(v1alpha1.ModeObserve, within(minute), "NET-1"))
		for line := range strings.SplitSeq(string(data), "\n") {
			s.entries[s.id()] = append(s.entries[s.id()], []byte(line))
		}
		r, err := report.Fold(t.Context(), s, report.Query{From: moment(10 * minute), To: moment(2 * hour)})
		if err != nil {
			return
		}
		for _, c := range r.Controls {
			if p := c.Census; p.Start+p.Added+p.Entered-p.Deleted-p.Left != p.End {
				t.Errorf("the population does not add up: %+v", p)
			}
			sum := c.Time.Conforming + c.Time.Deviating + c.Time.NotApplicable + c.Time.NotEvaluated + c.Time.Gap
			if sum != c.Time.Due || c.Time.Due < 0 {
				t.Errorf("the time does not add up: %+v", c.Time)
			}
			for _, e := range c.Episodes {
				if e.Length.Min < 0 || (e.Length.Max != nil && *e.Length.Max < e.Length.Min) {
					t.Errorf("episode of impossible length: %+v", e)
				}
			}
		}
	})
}

// lines are the entries of the newest ledger, without what every ledger begins with.
func (s *scribe) lines() []string {
	var of []string
	for _, data := range s.entries[s.id()] {
		of = append(of, string(data))
	}
	return of[min(3, len(of)):]
}
