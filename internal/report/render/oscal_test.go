package render

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

func oscalOf(t *testing.T, r *report.Record, o Options) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := OSCAL(&out, r, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// oscalSchema is NIST's own, with formats asserted.
func oscalSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("testdata", "oscal_complete_schema-1.2.2.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOSCALIsValid(t *testing.T) {
	s := oscalSchema(t)
	for name, r := range map[string]*report.Record{
		"rich": rendertest.Rich(), "interim": rendertest.Interim(), "empty": rendertest.Empty(), "as of": rendertest.AsOf(),
		"backups": rendertest.Backups(), "backups as of": rendertest.BackupsAsOf(),
		"hostile": rendertest.Hostile("<b>&\n\x00 "), "without texts": rendertest.Hostile(""),
	} {
		t.Run(name, func(t *testing.T) {
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(oscalOf(t, r, Options{})))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(document); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestE35OSCALHasObservationsOnly: one per control, episode and gap, and never a finding.
func TestE35OSCALHasObservationsOnly(t *testing.T) {
	r := rendertest.Rich()
	var document struct {
		Results struct {
			Results []map[string]json.RawMessage `json:"results"`
		} `json:"assessment-results"`
	}
	if err := json.Unmarshal(oscalOf(t, r, Options{}), &document); err != nil {
		t.Fatal(err)
	}
	result := document.Results.Results[0]
	for _, key := range []string{"findings", "risks", "attestations"} {
		if _, ok := result[key]; ok {
			t.Errorf("the result has %s", key)
		}
	}
	var observations []struct {
		UUID string `json:"uuid"`
	}
	if err := json.Unmarshal(result["observations"], &observations); err != nil {
		t.Fatal(err)
	}
	want := len(r.Controls) + len(r.Gaps)
	for i := range r.Controls {
		want += len(allEpisodes(&r.Controls[i]))
	}
	ids := map[string]int{}
	for _, o := range observations {
		ids[o.UUID]++
	}
	if len(observations) != want || len(ids) != want {
		t.Errorf("%d observations with %d ids, want %d", len(observations), len(ids), want)
	}
}

// TestOSCALIDsStay: those of what is the same are the same in a later record.
func TestOSCALIDsStay(t *testing.T) {
	ids := func(r *report.Record) map[string]string {
		document := newOSCAL(r, Options{})
		found := map[string]string{}
		for _, o := range document.Results.Results[0].Observations {
			found[o.UUID] = o.Title
		}
		return found
	}
	complete, interim := ids(rendertest.Rich()), ids(rendertest.Interim())
	if diff := cmp.Diff(complete, interim); diff != "" {
		t.Errorf("ids and titles (-complete +interim):\n%s", diff)
	}
	other := rendertest.Rich()
	other.Custody.Ledgers[0].LedgerID = "00000000000000000000000000000000"
	for id := range maps.Keys(ids(other)) {
		if _, ok := complete[id]; ok {
			t.Fatalf("another ledger has the same id %s", id)
		}
	}
}

func TestOSCALCarriesResponses(t *testing.T) {
	r := rendertest.Rich()
	e := r.Controls[0].Episodes[0]
	out := oscalOf(t, r, Options{Responses: Responses{e.ID: {Text: "A planned change.", By: "ciso"}}})
	if !bytes.Contains(out, []byte(`"remarks": "Management's response, unaudited: A planned change. (ciso)"`)) {
		t.Error("the response is missing")
	}
}
