package docs

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// page is a Markdown file, as far as it can be executed.
type page struct {
	// path is the file's, from the repository's root.
	path string
	// needs are what has to be there before the first command.
	needs []string
	// blocks are the fenced blocks, in order.
	blocks []block
}

// block is a fenced block.
type block struct {
	// line is the number of its first line of text.
	line int
	// language is the word behind the fence.
	language string
	// text is what it holds, without the indentation of its fence.
	text string
	// directives are those of the comment right above it.
	directives map[string]string
}

// step is a command of a console block, and what it is to print.
type step struct {
	// line is the number of the command's line.
	line int
	// command is what a reader types, continuations included.
	command string
	// want are the lines of output on the page; none means any output.
	want []string
	// status is the exit status.
	status int
}

// The directives: what a comment above a block, or at the top of a page, may say.
const (
	directiveNeeds  = "needs"
	directiveFile   = "file"
	directiveStatus = "status"
	directiveWith   = "with"
	directiveShows  = "shows"
)

// languages are those that blocks may have. What is in a console block is
// executed, YAML is sent to an API server unless it is a file of its own, and the
// others are only read.
var languages = []string{"console", "yaml", "json", "text", "go", "sh"}

var (
	comment = regexp.MustCompile(`^<!-- docs-test: (.*) -->$`)
	fence   = regexp.MustCompile("^( *)```(.*)$")
)

// parse reads a page.
func parse(path, text string) (*page, error) {
	p := &page{path: path}
	lines := strings.Split(text, "\n")
	directives := map[string]string{}
	for i := 0; i < len(lines); i++ {
		if match := comment.FindStringSubmatch(strings.TrimSpace(lines[i])); match != nil {
			if err := p.directive(match[1], directives); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
			}
			continue
		}
		match := fence.FindStringSubmatch(lines[i])
		if match == nil {
			if len(directives) > 0 && strings.TrimSpace(lines[i]) != "" {
				return nil, fmt.Errorf("%s:%d: the comment above belongs to no block", path, i+1)
			}
			continue
		}
		b, end, err := readBlock(lines, i, match[1], match[2])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		b.directives, directives = directives, map[string]string{}
		p.blocks = append(p.blocks, b)
		i = end
	}
	return p, nil
}

// directive takes the text of a comment: the page's needs, or one about the block
// below.
func (p *page) directive(text string, directives map[string]string) error {
	key, value, found := strings.Cut(text, "=")
	switch {
	case !found:
		return fmt.Errorf("want KEY=VALUE in a docs-test comment, got %q", text)
	case key == directiveNeeds:
		if len(p.blocks) > 0 || p.needs != nil {
			return fmt.Errorf("the page's needs are stated once, above its first block")
		}
		p.needs = strings.Split(value, ",")
	case !slices.Contains([]string{directiveFile, directiveStatus, directiveWith, directiveShows}, key):
		return fmt.Errorf("unknown key %q in a docs-test comment", key)
	default:
		directives[key] = value
	}
	return nil
}

// readBlock reads the block whose fence is in line i, and returns the number of
// the line that closes it.
func readBlock(lines []string, i int, indent, language string) (block, int, error) {
	b := block{line: i + 2, language: language}
	if !slices.Contains(languages, language) {
		return b, 0, fmt.Errorf("want one of %v behind the fence, got %q", languages, language)
	}
	var text strings.Builder
	for end := i + 1; end < len(lines); end++ {
		line := strings.TrimPrefix(lines[end], indent)
		if strings.HasPrefix(line, "```") {
			b.text = text.String()
			return b, end, nil
		}
		text.WriteString(line + "\n")
	}
	return b, 0, fmt.Errorf("the block has no end")
}

// hasCommands is whether there is anything to execute.
func (p *page) hasCommands() bool {
	return slices.ContainsFunc(p.blocks, func(b block) bool { return b.isExecuted() })
}

// isExecuted is whether the block's commands are executed.
func (b *block) isExecuted() bool {
	return b.language == "console" && b.directives[directiveShows] == ""
}

// steps are the commands of a console block.
func (b *block) steps() ([]step, error) {
	var steps []step
	continued := false
	for i, line := range strings.Split(strings.TrimRight(b.text, "\n"), "\n") {
		command, prompt := strings.CutPrefix(line, "$ ")
		switch {
		case continued:
			last := &steps[len(steps)-1]
			last.command += "\n" + line
			continued = strings.HasSuffix(line, `\`)
		case prompt:
			steps = append(steps, step{line: b.line + i, command: command})
			continued = strings.HasSuffix(command, `\`)
		case len(steps) == 0:
			return nil, fmt.Errorf("line %d: a console block begins with a command, behind %q", b.line+i, "$ ")
		default:
			last := &steps[len(steps)-1]
			last.want = append(last.want, line)
		}
	}
	for i := range steps {
		steps[i].want = trimBlank(steps[i].want)
	}
	if status, ok := b.directives[directiveStatus]; ok {
		n, err := strconv.Atoi(status)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s=%s: %w", b.line, directiveStatus, status, err)
		}
		steps[len(steps)-1].status = n
	}
	return steps, nil
}

// trimBlank cuts blank lines off the end.
func trimBlank(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
