package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// screen is where text is printed, and what it can show.
type screen struct {
	io.Writer
	// width is the number of columns; 0 means that there is no end of a line.
	width int
	// colour is whether text may be coloured.
	colour bool
}

// screenOf finds out what a writer can show. What is no terminal is shown whole
// and plain.
func screenOf(w io.Writer) screen {
	s := screen{Writer: w}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return s
	}
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		s.width = width
	}
	s.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return s
}

// The colours that text is given.
const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

// colours are those of words that say how something stands.
func colourOf(word string) string {
	switch word {
	case "Conforming", "True", "Valid", "ok":
		return green
	case "Deviating", "False", "FAIL":
		return red
	case "NotEvaluated", "Correcting", "Unknown":
		return yellow
	default:
		return ""
	}
}

// paint colours text, where the screen shows colours.
func (s screen) paint(colour, text string) string {
	if !s.colour || colour == "" {
		return text
	}
	return colour + text + plain
}
