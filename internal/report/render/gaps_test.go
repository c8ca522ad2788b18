package render

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

func TestGapsOfKindsShareARow(t *testing.T) {
	gap := func(from, to float64, cause, kind, policy, message string) report.Gap {
		return report.Gap{Interval: stretch(from, to), Cause: cause, Kind: kind, Policy: policy, Message: message}
	}
	const unreachable, down = ledger.CauseUnreachable, ledger.CauseNotRunning
	for name, c := range map[string]struct {
		gaps []report.Gap
		want []string
	}{
		"kinds":           {[]report.Gap{gap(0, 1, unreachable, "a", "", ""), gap(0, 1, unreachable, "b", "", "")}, []string{"kinds a, b"}},
		"another end":     {[]report.Gap{gap(0, 1, unreachable, "a", "", ""), gap(0, 2, unreachable, "b", "", "")}, []string{"kind a", "kind b"}},
		"another cause":   {[]report.Gap{gap(0, 1, unreachable, "a", "", ""), gap(0, 1, ledger.CauseForbidden, "b", "", "")}, []string{"kind a", "kind b"}},
		"another message": {[]report.Gap{gap(0, 1, unreachable, "a", "", ""), gap(0, 1, unreachable, "b", "", "x")}, []string{"kind a", "kind b"}},
		"everything":      {[]report.Gap{gap(0, 1, down, "", "", ""), gap(0, 1, down, "", "", "")}, []string{"everything", "everything"}},
		"policies":        {[]report.Gap{gap(0, 1, down, "", "p", ""), gap(0, 1, down, "", "q", "")}, []string{"policy p", "policy q"}},
	} {
		var got []string
		for _, row := range gapRows(c.gaps) {
			got = append(got, row.What())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
