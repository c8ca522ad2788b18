package serve

import (
	"strings"
	"testing"
)

// TestReasonOf: people read a sentence, whoever it comes from.
func TestReasonOf(t *testing.T) {
	for body, want := range map[string]string{
		`{"kind":"Status","message":"no endpoints available for service \"holdfast-ledger:ledger\"","code":503}`: `no endpoints available for service "holdfast-ledger:ledger"`,
		"bad gateway\n":          "bad gateway",
		`{"other":1}`:            `{"other":1}`,
		strings.Repeat("x", 900): strings.Repeat("x", 200),
		"":                       "",
	} {
		if got := reasonOf(strings.NewReader(body)); got != want {
			t.Errorf("%.40q: got %q, want %q", body, got, want)
		}
	}
}
