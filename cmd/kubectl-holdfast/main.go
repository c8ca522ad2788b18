// Command kubectl-holdfast is the kubectl plugin: it shows how controls hold and
// why they do not, previews what enforcing would change, tests policies, and reads
// and verifies a ledger. In the PATH it is called as "kubectl holdfast".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, time.Now, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
