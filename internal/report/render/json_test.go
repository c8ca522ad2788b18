package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

// TestJSONIsWhatTheLibraryWrites: to encode element by element changes no byte.
func TestJSONIsWhatTheLibraryWrites(t *testing.T) {
	for name, r := range map[string]*report.Record{
		"rich": rendertest.Rich(), "as of": rendertest.AsOf(), "empty": rendertest.Empty(), "hostile": rendertest.Hostile("<&>\u2028\x00\""),
		"nothing": {}, "backups": rendertest.Backups(),
	} {
		t.Run(name, func(t *testing.T) {
			var want, got bytes.Buffer
			encoder := json.NewEncoder(&want)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			if err := errors.Join(encoder.Encode(r), JSON(&got, r)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.String(), got.String()); diff != "" {
				t.Errorf("(-library +got):\n%.2000s", diff)
			}
		})
	}
}

// full is a disk on which nothing can be written.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWhatCannotBeWrittenIsTold(t *testing.T) {
	if err := JSON(full{}, rendertest.Rich()); !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
}
