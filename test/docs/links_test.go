package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	punct   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks follows every link of every page that leads into the repository.
func TestLinks(t *testing.T) {
	tr := newTree(t)
	for _, path := range tr.pages() {
		text, err := os.ReadFile(filepath.Join(tr.dir, path))
		if err != nil {
			t.Fatal(err)
		}
		prose := regexp.MustCompile("`[^`]*`").ReplaceAllString(string(text), "")
		for _, match := range link.FindAllStringSubmatch(prose, -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(match[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if why := tr.lacks(target, anchor); why != "" {
				t.Errorf("%s: %s: %s", path, match[1], why)
			}
		}
	}
}

// lacks returns why a link leads nowhere.
func (tr *tree) lacks(target, anchor string) string {
	text, err := os.ReadFile(filepath.Join(tr.dir, target))
	switch {
	case anchor == "" && (err == nil || slices.ContainsFunc(tr.files, func(f string) bool { return strings.HasPrefix(f, target+"/") })):
		return ""
	case err != nil:
		return "there is no such file"
	case !slices.Contains(anchors(string(text)), anchor):
		return "the page has no such heading"
	default:
		return ""
	}
}

// anchors are what the headings of a page are linked by.
func anchors(text string) []string {
	var found []string
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		title := punct.ReplaceAllString(strings.ToLower(match[1]), "")
		found = append(found, strings.ReplaceAll(title, " ", "-"))
	}
	return found
}
