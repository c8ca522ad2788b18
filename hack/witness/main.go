// Command witness serves transparency-dev's witness over HTTP, as C2SP
// tlog-witness says, for the ledgers that it is told of. It is what the tests
// anchor at: somebody else's code, that knows nothing of Holdfast.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "witness:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	listen, dir, keyFile string
	ledgers              []string
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("witness", flag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:0", "address to listen on")
	flags.StringVar(&o.dir, "dir", "", "directory that keeps the newest checkpoint of each log")
	flags.StringVar(&o.keyFile, "key-file", "", "file with the witness's signing key, a note signer key")
	flags.Func("ledger", "verifier key of a ledger to watch, all its segments included; may be repeated", func(key string) error {
		o.ledgers = append(o.ledgers, key)
		return nil
	})
	return o, flags.Parse(args)
}

// run serves until ctx ends. It prints the address that it listens on.
func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	skey, err := os.ReadFile(o.keyFile)
	if err != nil {
		return err
	}
	signer, err := f_note.NewSignerForCosignatureV1(strings.TrimSpace(string(skey)))
	if err != nil {
		return err
	}
	w, err := witness.New(ctx, witness.Opts{
		Persistence:    &files{dir: o.dir},
		Signers:        []note.Signer{signer},
		VerifierForLog: logs(o.ledgers).verifier,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}
