package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// The colours, by what they mark.
const (
	bold  = "\x1b[1m"
	dim   = "\x1b[2m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	cyan  = "\x1b[36m"
	reset = "\x1b[0m"
)

// screenWidth is the width that titles and narratives fit, in columns.
const screenWidth = 100

// patience is after how long a person wants to know that something goes on.
const patience = 2 * time.Second

// screen is what a person reads.
type screen struct {
	w      io.Writer
	colour bool
	since  time.Time
	claims int
	// failed are the claims that do not hold, as they were printed.
	failed []string
	// claimed is whether a claim was printed last.
	claimed bool
}

// newScreen writes to a file, with colours if it is a terminal and NO_COLOR is
// not set.
func newScreen(f *os.File) *screen {
	colour := term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &screen{w: f, colour: colour, since: time.Now()}
}

// printf prints. Where nobody can read, there is nobody to tell.
func (s *screen) printf(format string, args ...any) { _, _ = fmt.Fprintf(s.w, format, args...) }

func (s *screen) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return colour + text + reset
}

// title begins a section, with the time since the demo began.
func (s *screen) title(n int, text string) {
	head := fmt.Sprintf("── %d  %s ", n, text)
	clock := fmt.Sprintf(" %.1fs", time.Since(s.since).Seconds())
	rule := strings.Repeat("─", max(0, screenWidth-len([]rune(head))-len(clock)))
	s.printf("\n%s\n\n", s.paint(bold, head+rule+clock))
	s.claimed = false
}

// say prints a narrative.
func (s *screen) say(text string) {
	for _, line := range wrap(text, screenWidth) {
		s.printf("%s\n", line)
	}
	s.printf("\n")
}

// command shows a command before it runs.
func (s *screen) command(line string) {
	if s.claimed {
		s.printf("\n")
	}
	s.claimed = false
	s.printf("%s\n", s.paint(cyan, "$ "+line))
}

// output shows what a command printed.
func (s *screen) output(text string) {
	if text != "" {
		s.printf("%s\n", strings.TrimRight(text, "\n"))
	}
	s.printf("\n")
}

// note prints a measurement or a remark.
func (s *screen) note(format string, args ...any) {
	s.printf("%s\n", s.paint(bold, "→ "+fmt.Sprintf(format, args...)))
}

// claim prints what was checked; if it does not hold, what was expected and seen.
func (s *screen) claim(what string, expected, seen any) {
	s.claims++
	s.claimed = true
	want, got := fmt.Sprint(expected), fmt.Sprint(seen)
	if want == got {
		s.printf("%s %s\n", s.paint(green, "✓"), what)
		return
	}
	failed := fmt.Sprintf("%s\n    expected  %s\n    seen      %s", what, want, got)
	s.failed = append(s.failed, failed)
	s.printf("%s %s\n", s.paint(red, "✗"), failed)
}

// during names what is being done, and shows that it goes on while it takes long.
func (s *screen) during(what string, do func() error) error {
	s.printf("%s", s.paint(dim, what+" … "))
	begun, done := time.Now(), make(chan error, 1)
	go func() { done <- do() }()
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			took := time.Since(begun)
			if err != nil {
				s.printf("failed\n")
				return err
			}
			s.printf("%s\n", s.paint(dim, fmt.Sprintf("%.1fs", took.Seconds())))
			return nil
		case <-ticker.C:
			s.printf("%s", s.paint(dim, "· "))
		}
	}
}

// wrap breaks a text into lines of at most width columns, at blanks. An empty
// line in the text stays.
func wrap(text string, width int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
				lines = append(lines, line)
				line = ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		lines = append(lines, line)
	}
	return lines
}
