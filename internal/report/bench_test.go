package report_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// busy is a ledger of about so many entries over a year: 200 namespaces, of
// which one drifts and is repaired again and again, and heartbeats.
func busy(tb testing.TB, entries int) *scribe {
	tb.Helper()
	s := newScribe(tb)
	s.check = false
	s.begin(ledger.OpenFirstInstall)
	s.policy("p", isolation(v1alpha1.ModeEnforce, within(5*time.Minute), "NET-1"))
	subjects := make([]control.Subject, 200)
	for i := range subjects {
		subjects[i] = namespace(fmt.Sprintf("ns-%03d", i))
		s.enter("p", subjects[i], false)
		s.state(statement{policy: "p", control: "NET-1", subject: subjects[i], to: control.Conforming})
	}
	s.introduce("p", "NET-1")
	step := 365 * 24 * time.Hour / time.Duration(entries/4)
	for i := range entries / 4 {
		subject, at := subjects[i*7919%len(subjects)], time.Duration(i+1)*step
		s.at(at).beat()
		st := statement{policy: "p", control: "NET-1", subject: subject, to: control.Deviating, rules: []string{"NP-01"},
			proven: new(epoch.Add(at - 20*time.Second))}
		s.at(at + time.Second).state(st)
		s.at(at+time.Second+9*time.Millisecond).act(ledger.KindRepaired, "p", "NET-1", subject, "kubectl-edit")
		s.state(statement{policy: "p", control: "NET-1", subject: subject, to: control.Conforming, ending: ledger.EndingRepaired})
	}
	return s
}

func BenchmarkFold(b *testing.B) {
	s := busy(b, 100_000)
	q := report.Query{From: moment(0), To: moment(366 * 24 * time.Hour)}
	runtime.GC()
	for b.Loop() {
		if _, err := report.Fold(b.Context(), s, q); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
