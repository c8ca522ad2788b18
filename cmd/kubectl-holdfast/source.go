package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// openSource opens what a record is made of: a ledger's directory. What was
// opened is closed by done.
func openSource(_ *cobra.Command, arg string) (src report.Source, done func(), err error) {
	info, err := os.Stat(arg)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("open the ledger: %w", err)
	case !info.IsDir():
		return nil, nil, fmt.Errorf("open the ledger: %s is not a directory", arg)
	}
	reader, err := ledger.NewReader(arg)
	if err != nil {
		return nil, nil, err
	}
	return reader, func() {}, nil
}
