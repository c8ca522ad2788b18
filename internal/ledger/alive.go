package ledger

import (
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// Alive is the content of the file that says, every two seconds, that the
// evaluation loop lives. It is no part of the log.
type Alive struct {
	Schema   string `json:"schema"`
	LedgerID string `json:"ledgerID"`
	// Run is the Seq of the process's OperatorStarted entry.
	Run uint64 `json:"run"`
	// Time is when a token last passed through the queue.
	Time Time `json:"time"`
	// Progress is, by kind, when its watch last delivered an event or a bookmark.
	Progress map[string]Time `json:"progress"`
}

const aliveSchema = "holdfast.dev/alive/v1"

// WriteAlive replaces the alive file. Schema and LedgerID are filled in.
func (l *Log) WriteAlive(a Alive) error {
	a.Schema, a.LedgerID = aliveSchema, l.place.id
	if a.Progress == nil {
		a.Progress = map[string]Time{}
	}
	data, err := volume.EncodeChecked(a)
	if err != nil {
		return err
	}
	return volume.Replace(filepath.Join(l.opts.Dir, aliveFile), data)
}

// ReadAlive reads the alive file of a volume.
func ReadAlive(dir string) (*Alive, error) {
	data, err := os.ReadFile(filepath.Join(dir, aliveFile))
	if err != nil {
		return nil, err
	}
	var a Alive
	if err := volume.DecodeChecked(data, &a); err != nil {
		return nil, err
	}
	return &a, nil
}
