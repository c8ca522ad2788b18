package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/harness"
)

// looking is how long a reader goes on looking until it is as on the page: far longer
// than it takes on a busy machine.
const looking = 2 * time.Minute

// repeatable are commands that only look. Until they print what the page has they
// are repeated: what they look at comes about a moment later.
var repeatable = regexp.MustCompile(`^(kubectl( -n \S+)? (get|describe|events|logs|auth|holdfast (status|explain|diff|entries|verify|episodes|report))|helm (list|status|history)|ls|cat|tail|grep) ?`)

// reader executes a page.
type reader struct {
	*tree
	// home is the reader's home directory, dir the clone: where commands run.
	home, dir string
	shell     *shell
}

// newReader clones the tree.
func newReader(tb testing.TB, tr *tree) *reader {
	tb.Helper()
	r := &reader{tree: tr, home: tb.TempDir()}
	r.dir = filepath.Join(r.home, "holdfast")
	r.clone(tb, r.dir)
	return r
}

// execute provides what a page needs, and runs its commands.
func (r *reader) execute(tb testing.TB, p *page, skip func(command string) bool) {
	tb.Helper()
	for _, need := range p.needs {
		provide, ok := provisions()[need]
		if !ok {
			tb.Fatalf("%s needs %q, which nobody provides", p.path, need)
		}
		provide(tb, r)
	}
	r.shell = startShell(tb, r.dir, r.environment())
	for i := range p.blocks {
		r.block(tb, p, &p.blocks[i], skip)
	}
}

// environment is what the reader's shell inherits.
func (r *reader) environment() []string {
	return append(slices.Clone(r.tree.env), "HOME="+r.home)
}

// save saves a block that the page has the reader save.
func (r *reader) save(tb testing.TB, b *block) {
	tb.Helper()
	name, ok := b.directives[directiveFile]
	if !ok {
		return
	}
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(b.text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func (r *reader) block(tb testing.TB, p *page, b *block, skip func(command string) bool) {
	tb.Helper()
	r.save(tb, b)
	if !b.isExecuted() {
		return
	}
	steps, err := b.steps()
	if err != nil {
		tb.Fatalf("%s: %v", p.path, err)
	}
	for _, s := range steps {
		if !skip(s.command) {
			r.step(tb, p, s)
		}
	}
}

// step runs a command, and again as long as it only looks and does not see what
// the page has.
func (r *reader) step(tb testing.TB, p *page, s step) {
	tb.Helper()
	if repeatable.MatchString(s.command) {
		harness.EventuallyWithin(tb, looking, "it is as on the page", func() error { return r.try(tb, p, s) })
		return
	}
	if err := r.try(tb, p, s); err != nil {
		tb.Fatal(err)
	}
}

// try runs a command, and returns how what it does differs from the page.
func (r *reader) try(tb testing.TB, p *page, s step) error {
	tb.Helper()
	output, status, err := r.shell.run(placeholders().Replace(s.command))
	if err != nil {
		tb.Fatalf("%s:%d: %s\n%v; it printed:\n%s", p.path, s.line, s.command, err, output)
	}
	if status == s.status && matches(s.want, output) {
		return nil
	}
	return fmt.Errorf("%s:%d: %s\nexit status %d, want %d\nprinted:\n%s\nthe page has:\n%s",
		p.path, s.line, s.command, status, s.status, output, strings.Join(s.want, "\n"))
}
