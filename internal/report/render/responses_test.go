package render

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

func TestParseResponses(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		want    Responses
		wantErr string
	}{
		"text, and more": {
			file: "responses:\n  5fec7333a1b2c3d4: Planned.\n  df50989d: {text: A mistake., by: sre, date: 2026-01-07}\n",
			want: Responses{"5fec7333a1b2c3d4": {Text: "Planned."}, "df50989d": {Text: "A mistake.", By: "sre", Date: "2026-01-07"}},
		},
		"JSON":              {file: `{"responses": {"5fec7333": "Planned."}}`, want: Responses{"5fec7333": {Text: "Planned."}}},
		"nothing":           {file: "{}", wantErr: "none under the key responses"},
		"another key":       {file: "response: {}", wantErr: `unknown field "response"`},
		"another field":     {file: "responses: {5fec7333: {txt: x}}", wantErr: `unknown field "txt"`},
		"too short an id":   {file: "responses: {5fec: x}", wantErr: `"5fec" is too short`},
		"without text":      {file: "responses: {5fec7333: ' '}", wantErr: `"5fec7333" has no text`},
		"no YAML":           {file: ": :", wantErr: "read the responses"},
		"the same id twice": {file: "responses: {5fec7333: x, 5fec7333: y}", wantErr: "already set"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseResponses([]byte(c.file))
			if c.wantErr == "" && err != nil || c.wantErr != "" && (err == nil || !strings.Contains(err.Error(), c.wantErr)) {
				t.Fatalf("error %v, want %q", err, c.wantErr)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("responses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnmatchedResponses(t *testing.T) {
	r := rendertest.Rich()
	c := &r.Controls[0]
	responses := Responses{c.Groups[0].ID: {Text: "x"}, c.Episodes[3].ID[:8]: {Text: "x"}, c.Baseline[0].ID: {Text: "x"}, "ffffffff": {Text: "x"}, "eeeeeeee": {Text: "x"}}
	if diff := cmp.Diff([]string{"eeeeeeee", "ffffffff"}, responses.Unmatched(r)); diff != "" {
		t.Errorf("unmatched (-want +got):\n%s", diff)
	}
}
