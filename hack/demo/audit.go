package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

const (
	keepKeyCommand = `kubectl -n holdfast-system get configmap holdfast-ledger-head ` +
		`-o jsonpath='{.data.verifier\.key}' > $DEMO/verifier.key`
	keepCheckpointCommand = `cp $DEMO/ledger/ledgers/*/segments/000000/log/checkpoint $DEMO/held.checkpoint`
	verifyOptions         = ` --key "$(cat $DEMO/verifier.key)" --held $DEMO/held.checkpoint`
)

func showKeep(ctx context.Context, d *demo) error {
	if err := d.awaitCheckpoint(ctx, d.story.drift.seq+1); err != nil {
		return err
	}
	if err := d.shells(ctx, keepKeyCommand, keepCheckpointCommand, "cat $DEMO/verifier.key $DEMO/held.checkpoint"); err != nil {
		return err
	}
	held, err := checkpointSize(d.path("held.checkpoint"))
	if err != nil {
		return err
	}
	d.claim("the checkpoint covers the deletion in shop", true, held > d.story.drift.seq)
	return nil
}

// awaitCheckpoint waits until the ledger's checkpoint covers a number of
// entries. While the ledger grows there is one every second.
func (d *demo) awaitCheckpoint(ctx context.Context, size uint64) error {
	return wait.PollUntilContextTimeout(ctx, poll, waitLimit, true, func(context.Context) (bool, error) {
		files, err := filepath.Glob(filepath.Join(d.ledger(), "ledgers/*/segments/000000/log/checkpoint"))
		if err != nil || len(files) != 1 {
			return false, fmt.Errorf("%d ledgers, want one: %w", len(files), err)
		}
		covered, err := checkpointSize(files[0])
		return covered >= size, err
	})
}

// checkpointSize is the number of entries that a checkpoint covers: its second line.
func checkpointSize(file string) (uint64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 2 {
		return 0, fmt.Errorf("%s is no checkpoint", file)
	}
	return strconv.ParseUint(lines[1], 10, 64)
}

func showVerify(ctx context.Context, d *demo) error {
	_, status, err := d.status(ctx, "kubectl holdfast verify $DEMO/ledger"+verifyOptions)
	if err != nil {
		return err
	}
	d.claim("with key and checkpoint the ledger is valid (exit status 0)", 0, status)
	_, status, err = d.status(ctx, "kubectl holdfast verify $DEMO/ledger")
	if err != nil {
		return err
	}
	d.claim("without them verify says what is missing (exit status 2)", 2, status)
	return nil
}

func showAlter(ctx context.Context, d *demo) error {
	copied := d.path("copy")
	d.command("cp -r $DEMO/ledger $DEMO/copy")
	if err := copyInUse(copied, d.ledger()); err != nil {
		return fmt.Errorf("copy the ledger: %w", err)
	}
	files, err := d.alter(ctx, copied, d.story.drift.seq)
	if err != nil {
		return err
	}
	out, status, err := d.status(ctx, "kubectl holdfast verify $DEMO/copy"+verifyOptions)
	if err != nil {
		return err
	}
	d.claim("the altered copy is not valid (exit status 1)", 1, status)
	named := slices.ContainsFunc(files, func(file string) bool {
		return strings.Contains(out, fmt.Sprintf("%s: entry %d:", file, d.story.drift.seq))
	})
	d.claim("verify names the file and the entry", true, named)
	return nil
}

// copyInUse copies a ledger which the operator goes on writing. A file that goes while
// it is copied, as what is renamed into its place does, is no reason to give up.
func copyInUse(to, from string) error {
	const attempts = 20
	for attempt := 1; ; attempt++ {
		err := os.CopyFS(to, os.DirFS(from))
		if !errors.Is(err, fs.ErrNotExist) || attempt == attempts {
			return err
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
}

// alter moves the entry with a sequence number to another year, and
// says so. It returns the files, relative to the ledger's directory.
func (d *demo) alter(ctx context.Context, dir string, seq uint64) ([]string, error) {
	original, err := d.entry(ctx, seq)
	if err != nil {
		return nil, err
	}
	forged, err := postponed(original)
	if err != nil {
		return nil, err
	}
	files, err := replaceIn(dir, original, forged)
	if err != nil {
		return nil, err
	}
	field := func(e []byte) []byte {
		return e[bytes.Index(e, []byte(observedAt)):][:len(observedAt)+len(time.RFC3339)+1]
	}
	d.printf("\n%s, entry %d:\n  %s…\n  %s…\n\n", files[len(files)-1], seq, field(original), field(forged))
	return files, nil
}

const observedAt = `"observedAt":"`

// entry reads one entry, as it is stored.
func (d *demo) entry(ctx context.Context, seq uint64) ([]byte, error) {
	var found []byte
	err := ledger.Read(ctx, d.ledger(), ledger.ReadOptions{From: seq}, func(at uint64, data []byte) error {
		if at == seq {
			found = bytes.Clone(data)
		}
		return nil
	})
	return found, err
}

// postponed returns an entry that was observed in another year, by one digit.
func postponed(entry []byte) ([]byte, error) {
	at := bytes.Index(entry, []byte(observedAt))
	if at < 0 {
		return nil, errors.New("the entry has no observedAt")
	}
	forged := bytes.Clone(entry)
	digit := &forged[at+len(observedAt)+len("200")]
	*digit = '0' + (*digit-'0'+1)%10
	return forged, nil
}

// replaceIn replaces a text in the files of entries of a directory: a log keeps
// several states of its newest one. It returns the files' names, relative to it.
func replaceIn(dir string, old, replacement []byte) ([]string, error) {
	var replaced []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(path, "entries") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(data, old) {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		replaced = append(replaced, filepath.ToSlash(name))
		return os.WriteFile(path, bytes.Replace(data, old, replacement, 1), 0o600)
	})
	if err == nil && replaced == nil {
		err = errors.New("no file holds the entry")
	}
	return replaced, err
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
