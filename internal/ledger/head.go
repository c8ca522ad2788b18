package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// Head is the head mark: what is kept outside the volume of the newest
// checkpoint, so that a volume that was lost or set back shows.
type Head struct {
	LedgerID string `json:"ledgerID"`
	// Checkpoint is a signed checkpoint of one of the ledger's segments.
	Checkpoint string `json:"checkpoint"`
	// VerifierKey is the note verifier key of the ledger.
	VerifierKey string `json:"verifierKey"`
	// Holder is the UID of the pod that wrote it.
	Holder string `json:"holder,omitempty"`
	// Time is the last proof of observation when the head mark was written. At a
	// start it is that of the process before: were this one to die at once, and
	// the volume be lost, nothing else would say when nobody observed.
	Time Time `json:"time"`
}

// further reports whether a head mark's checkpoint covers more than another's of
// the same ledger. What cannot be read is further: it is found out when it is verified.
func (h *Head) further(other *Head) bool {
	segment, size, err := h.covers()
	if err != nil {
		return true
	}
	s, n, err := other.covers()
	return err == nil && (segment > s || (segment == s && size > n))
}

func (h *Head) covers() (segment, size uint64, err error) {
	origin, err := tlog.ParseOriginOf([]byte(h.Checkpoint))
	if err != nil {
		return 0, 0, err
	}
	if _, segment, err = tlog.ParseOrigin(origin); err != nil {
		return 0, 0, err
	}
	size, err = tlog.SizeOf([]byte(h.Checkpoint))
	return segment, size, err
}

// HeadStore keeps the head mark.
type HeadStore interface {
	// Load returns the head mark; nil if there is none. An error means that it
	// is not known whether there is one.
	Load(context.Context) (*Head, error)
	// Save replaces the head mark that Load returned. It fails if somebody else
	// wrote it since.
	Save(context.Context, Head) error
}

// FileHead keeps the head mark in a file, for a local run. The file belongs on
// another disk than the volume.
type FileHead struct{ Path string }

// Load reads the file.
func (f FileHead) Load(context.Context) (*Head, error) {
	data, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var h Head
	if err := volume.DecodeChecked(data, &h); err != nil {
		return nil, err
	}
	return &h, nil
}

// Save replaces the file.
func (f FileHead) Save(_ context.Context, h Head) error {
	data, err := volume.EncodeChecked(h)
	if err != nil {
		return err
	}
	return volume.WriteFile(f.Path, data)
}
