package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// checkpointOptions say where to keep a checkpoint.
type checkpointOptions struct {
	src  *sources
	save string
}

func newCheckpoint(src *sources) *cobra.Command {
	o := checkpointOptions{src: src}
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Print a ledger's newest checkpoint, to keep it elsewhere",
		Long: `Print the newest checkpoint of a ledger: the number of its entries and the root
of their tree, signed.

Keep it where nobody who could change the ledger can: it binds everything before
it. Whatever of that is altered, removed or reordered later, even by somebody who
has the signing key, verify --held finds. It says nothing of what comes after, so
keep one every now and then.`,
		Example: `  kubectl holdfast checkpoint --save march.checkpoint`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, named(args))
		},
	}
	cmd.Flags().StringVar(&o.save, "save", "", "file to keep it in, which must not exist with another content")
	return cmd
}

func (o *checkpointOptions) run(cmd *cobra.Command, arg string) error {
	src, err := o.src.open(cmd, arg)
	if err != nil {
		return err
	}
	defer src.done()
	current, err := src.Current()
	if err != nil {
		return err
	}
	note, entries, err := src.Checkpoint(current.LedgerID)
	if err != nil {
		return err
	}
	if err := signedAs(note, current.VerifierKey); err != nil {
		return err
	}
	if o.save == "" {
		_, err := cmd.OutOrStdout().Write(note)
		return err
	}
	if err := keep(o.save, note); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Saved to %s: it covers the first %s of ledger %s.\n"+
		"The ledger's verifier key, to be compared with one that came by another way:\n%s\n", o.save, count(entries, "entry"), current.LedgerID, current.VerifierKey)
	return err
}

// signedAs checks that a checkpoint is signed with the key that its ledger
// names: one that is not is of no use to keep.
func signedAs(note []byte, vkey string) error {
	key, err := tlog.PublicKey(vkey)
	if err != nil {
		return err
	}
	origin, err := tlog.ParseOriginOf(note)
	if err != nil {
		return err
	}
	if _, err := tlog.OpenCheckpoint(note, origin, key); err != nil {
		return fmt.Errorf("the checkpoint is not signed with the key that the ledger names: %w", err)
	}
	return nil
}

// keep writes a file, whole or not at all, and never over another checkpoint.
func keep(name string, note []byte) error {
	switch before, err := os.ReadFile(name); {
	case err == nil && bytes.Equal(before, note):
		return nil
	case err == nil:
		return fmt.Errorf("%s holds another checkpoint: keep that too, and name another file", name)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".holdfast-*")
	if err != nil {
		return fmt.Errorf("save the checkpoint: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // It is gone once it was renamed.
	_, err = io.Copy(file, bytes.NewReader(note))
	if err := errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("save the checkpoint: %w", err)
	}
	return os.Rename(file.Name(), name)
}
