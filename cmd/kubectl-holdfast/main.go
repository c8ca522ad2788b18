// Command kubectl-holdfast is the kubectl plugin: it shows how controls hold and
// why they do not, previews what enforcing would change, tests policies, and reads
// and verifies a ledger. In the PATH it is called as "kubectl holdfast".
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// memoryGoal is the memory, in bytes, near which garbage is collected more
// often: records of large ledgers are made in little more than what is in them.
// GOMEMLIMIT sets another.
const memoryGoal = 448 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, time.Now, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
