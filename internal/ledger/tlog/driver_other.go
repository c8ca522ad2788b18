//go:build !unix

package tlog

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/transparency-dev/tessera"
)

// newDriver fails: Tessera has none for this system. Trees can be read here.
func newDriver(context.Context, string) (tessera.Driver, error) {
	return nil, fmt.Errorf("write a ledger on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
