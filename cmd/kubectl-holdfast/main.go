// Command kubectl-holdfast is the kubectl plugin: it reads and verifies a
// ledger, offline. In the PATH it is called as "kubectl holdfast".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
