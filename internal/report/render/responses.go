package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/internal/report"
)

// Unaudited stands beside every response.
const Unaudited = "Management's response, unaudited"

// minPrefix is how much of an id has to be given.
const minPrefix = 8

// Response is management's reply to an episode or a group.
type Response struct {
	Text string `json:"text"`
	// By and Date say who replied and when, as stated.
	By   string `json:"by,omitempty"`
	Date string `json:"date,omitempty"`
}

// UnmarshalJSON reads a response, or its text alone.
func (r *Response) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &r.Text)
	}
	type plain Response
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode((*plain)(r))
}

// Responses are responses by the id of an episode or a group, or by the first
// eight or more digits of it.
type Responses map[string]Response

// ParseResponses reads a file of responses, in YAML or JSON.
func ParseResponses(data []byte) (Responses, error) {
	var file struct {
		Responses Responses `json:"responses"`
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, fmt.Errorf("read the responses: %w", err)
	}
	if len(file.Responses) == 0 {
		return nil, errors.New("read the responses: the file has none under the key responses")
	}
	for _, id := range slices.Sorted(maps.Keys(file.Responses)) {
		switch {
		case len(id) < minPrefix:
			return nil, fmt.Errorf("read the responses: %q is too short: give %d digits of an id, or more", id, minPrefix)
		case strings.TrimSpace(file.Responses[id].Text) == "":
			return nil, fmt.Errorf("read the responses: %q has no text", id)
		}
	}
	return file.Responses, nil
}

// to returns the response to an episode or a group.
func (r Responses) to(id string) (Response, bool) {
	if len(r) == 0 {
		return Response{}, false
	}
	for n := len(id); n >= minPrefix; n-- {
		if response, ok := r[id[:n]]; ok {
			return response, true
		}
	}
	return Response{}, false
}

// Unmatched returns the ids that name no episode and no group of the record,
// sorted.
func (r Responses) Unmatched(record *report.Record) []string {
	left := maps.Clone(r)
	found := func(id string) {
		for n := minPrefix; n <= len(id); n++ {
			delete(left, id[:n])
		}
	}
	for i := range record.Controls {
		c := &record.Controls[i]
		for _, g := range c.Groups {
			found(g.ID)
		}
		for _, e := range slices.Concat(c.Baseline, c.Episodes) {
			found(e.ID)
		}
	}
	return slices.Sorted(maps.Keys(left))
}
