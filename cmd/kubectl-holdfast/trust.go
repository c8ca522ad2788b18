package main

import (
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// trust is what somebody outside the cluster knows of a ledger, by flags.
type trust struct {
	keys, held, witnesses, roots []string
}

func (t *trust) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&t.keys, "key", nil, "verifier key, kept outside the ledger; repeated for a ledger that changed its key")
	flags.StringArrayVar(&t.held, "held", nil, "file with a checkpoint that was kept outside the ledger; may be repeated")
	flags.StringArrayVar(&t.witnesses, "witness-key", nil, "verifier key of a witness that you trust: a checkpoint that it cosigned counts as held; may be repeated")
	flags.StringArrayVar(&t.roots, "timestamp-root", nil, "PEM file with root certificates of a time stamping authority that you trust: a checkpoint that it stamped counts as held; may be repeated")
}

// options are what verifying needs of it.
func (t *trust) options() (ledger.VerifyOptions, error) {
	opts := ledger.VerifyOptions{Keys: t.keys}
	for _, file := range t.held {
		note, err := os.ReadFile(file)
		if err != nil {
			return opts, fmt.Errorf("read a held checkpoint: %w", err)
		}
		opts.Held = append(opts.Held, note)
	}
	if len(t.witnesses)+len(t.roots) == 0 {
		return opts, nil
	}
	believed := anchor.Trust{WitnessKeys: t.witnesses}
	for _, file := range t.roots {
		pem, err := os.ReadFile(file)
		if err != nil {
			return opts, fmt.Errorf("read a root certificate: %w", err)
		}
		if believed.TimestampRoots == nil {
			believed.TimestampRoots = x509.NewCertPool()
		}
		if !believed.TimestampRoots.AppendCertsFromPEM(pem) {
			return opts, fmt.Errorf("read a root certificate: %s holds none in PEM", file)
		}
	}
	opts.Receipts = func(r ledger.Receipt) (time.Time, error) { return anchor.Verify(r, believed) }
	return opts, nil
}
