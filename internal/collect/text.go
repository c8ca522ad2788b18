package collect

import (
	"strings"

	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// maxMessage bounds a message, in bytes.
const maxMessage = 512

// joined are the messages of failures.
func joined(failures []failure) string {
	var messages []string
	for _, f := range failures {
		messages = append(messages, f.message)
	}
	return strings.Join(messages, "; ")
}

// clip shortens a text to what an entry has room for.
func clip(text string) string { return phrase.Clip(text, maxMessage) }
