package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// TestEveryCommandIsDocumented: the page has a section for each command, which
// names each of its flags.
func TestEveryCommandIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for section := range strings.SplitSeq(string(page), "\n## ") {
		title, _, _ := strings.Cut(section, "\n")
		sections[strings.TrimSpace(title)] = section
	}
	for _, cmd := range newRoot(time.Now).Commands() {
		name, _, _ := strings.Cut(cmd.Use, " ")
		section, ok := sections[name]
		if !ok {
			t.Errorf("docs/cli.md has no section %q", name)
			continue
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(section, "`--"+f.Name) {
				t.Errorf("section %q of docs/cli.md does not name the flag --%s", name, f.Name)
			}
		})
	}
}
