// Package docs executes the user guide: every command in the Markdown files of
// docs and in README.md is run as a reader would run it, on a copy of the
// committed tree, against a control plane of its own for each page, and what it
// prints is compared with the page. docs/writing.md says how pages are written.
package docs
