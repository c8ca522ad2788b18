package licenses

import (
	"fmt"
	"path"
	"slices"
	"strings"

	classifier "github.com/google/licenseclassifier/v2"
	"github.com/google/licenseclassifier/v2/assets"
)

// NoAssertion says that nothing is said.
const NoAssertion = "NOASSERTION"

// recognizer tells licences by their text.
type recognizer struct{ classifier *classifier.Classifier }

func newRecognizer() (*recognizer, error) {
	c, err := assets.DefaultClassifier()
	if err != nil {
		return nil, fmt.Errorf("read the texts of licences: %w", err)
	}
	return &recognizer{classifier: c}, nil
}

// expression states the licences that stand in files. Where there are several,
// all of them are stated: that one could choose is not claimed. A file in which
// none is recognized may hold anything.
func (r *recognizer) expression(files []File) string {
	var ids []string
	for _, f := range files {
		if !isLicense(f.Name) {
			continue
		}
		found := r.ids(f.Text)
		if len(found) == 0 {
			return NoAssertion
		}
		ids = append(ids, found...)
	}
	if len(ids) == 0 {
		return NoAssertion
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " AND ")
}

// isLicense says whether a file holds a licence, rather than a notice or a grant
// of patents that goes with one.
func isLicense(name string) bool {
	base := strings.ToLower(path.Base(name))
	return !strings.HasPrefix(base, "notice") && !strings.HasPrefix(base, "patents")
}

// ids are the licences in a text.
func (r *recognizer) ids(text []byte) []string {
	var ids []string
	for _, m := range r.classifier.Match(text).Matches {
		if m.MatchType == "License" {
			ids = append(ids, m.Name)
		}
	}
	return ids
}
