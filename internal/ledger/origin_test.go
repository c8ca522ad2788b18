package ledger

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestOriginOfWhatExpired: that an attestation expired is the origin of an episode
// only where it alone is what deviates, and nothing else explains it.
func TestOriginOfWhatExpired(t *testing.T) {
	conformed := &Record{State: control.State{Outcome: control.Conforming}}
	unseen := &Record{State: control.State{Outcome: control.NotEvaluated}}
	for name, tc := range map[string]struct {
		last      *Record
		redefined bool
		reasons   []string
		want      Origin
	}{
		"expired":                {last: conformed, reasons: []string{control.ReasonAttestationExpired}, want: OriginAttestationExpired},
		"two rules, both so":     {last: conformed, reasons: []string{control.ReasonAttestationExpired, control.ReasonAttestationExpired}, want: OriginAttestationExpired},
		"beside something else":  {last: conformed, reasons: []string{control.ReasonAttestationExpired, "Unencrypted"}, want: OriginDrift},
		"something else":         {last: conformed, reasons: []string{"Unencrypted"}, want: OriginDrift},
		"with another statement": {last: conformed, redefined: true, reasons: []string{control.ReasonAttestationExpired}, want: OriginDefinitionChanged},
		"while nobody looked":    {last: unseen, reasons: []string{control.ReasonAttestationExpired}, want: OriginAfterGap},
	} {
		t.Run(name, func(t *testing.T) {
			to := &control.State{Outcome: control.Deviating}
			for _, reason := range tc.reasons {
				to.Rules = append(to.Rules, control.RuleState{Rule: "R", Reason: reason})
			}
			d := &Draft{Entry: Entry{To: to}}
			if got := d.origin(nil, Unit{}, tc.last, false, tc.redefined); got != tc.want {
				t.Errorf("origin %s, want %s", got, tc.want)
			}
		})
	}
}
