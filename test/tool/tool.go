// Package tool builds the tools that tests run, such as helm.
package tool

import (
	"sync"
	"testing"

	"github.com/holdfast-dev/holdfast/hack/tools"
)

// building has a process build one tool at a time.
var building sync.Mutex

// Path builds the tool, unless it is built, and returns the path of its binary.
func Path(tb testing.TB, t tools.Tool) string {
	tb.Helper()
	building.Lock()
	defer building.Unlock()
	binary, err := tools.Build(tb.Context(), t)
	if err != nil {
		tb.Fatal(err)
	}
	return binary
}
