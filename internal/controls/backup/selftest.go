package backup

import (
	"embed"
	"io/fs"
)

// fixtures are golden cases, as snapshots. A test makes them, and keeps them so.
//
//go:embed selftest
var fixtures embed.FS

// Fixtures implements control.SelfTester.
func (Control) Fixtures() fs.FS { return fixtures }
