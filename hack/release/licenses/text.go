package licenses

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Text is one document with every licence and notice. A text that several modules
// share stands there once.
func Text(program string, modules []Module) []byte {
	type shared struct {
		text []byte
		of   []string
	}
	var texts []*shared
	for _, m := range modules {
		for _, f := range m.Files {
			text := bytes.TrimSpace(bytes.ReplaceAll(f.Text, []byte("\r\n"), []byte("\n")))
			of := fmt.Sprintf("%s %s (%s)", m.Path, m.Version, f.Name)
			i := slices.IndexFunc(texts, func(s *shared) bool { return bytes.Equal(s.text, text) })
			if i < 0 {
				texts = append(texts, &shared{text: text, of: []string{of}})
				continue
			}
			texts[i].of = append(texts[i].of, of)
		}
	}
	rule := strings.Repeat("=", 78)
	var out bytes.Buffer
	fmt.Fprintf(&out, "The licences and notices of what is linked into %s, apart from its own.\n", program)
	for _, s := range texts {
		fmt.Fprintf(&out, "\n%s\n%s\n%s\n\n%s\n", rule, strings.Join(s.of, "\n"), rule, s.text)
	}
	return out.Bytes()
}
