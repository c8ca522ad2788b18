package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
)

// rig is a ledger on a real disk, and somebody who writes to it.
type rig struct {
	t     testing.TB
	opts  Options
	known *Known
	log   *Log
	drive uint64 // drafts written by this process
}

func testKey(seed string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(seed, ed25519.SeedSize)[:ed25519.SeedSize]))
}

func newRig(tb testing.TB) *rig {
	tb.Helper()
	root := tb.TempDir()
	log := logr.Discard()
	if t, ok := tb.(*testing.T); ok {
		log = testr.New(t)
	}
	return &rig{t: tb, opts: Options{
		Dir: filepath.Join(root, "volume"), Key: testKey("k"), Head: FileHead{filepath.Join(root, "head")},
		Cluster: ClusterBody{KubeSystemUID: "uid-1"}, CheckpointInterval: 100 * time.Millisecond,
		BatchAge: 2 * time.Millisecond, SegmentSize: 1000, SnapshotEvery: 100, MinFree: 1 << 20, Log: log,
	}}
}

// open opens the ledger and states what a new one has to state.
func (r *rig) open() *Opened {
	r.t.Helper()
	log, opened, err := Open(context.Background(), r.opts)
	if err != nil {
		r.t.Fatalf("open: %v", err)
	}
	r.log, r.known = log, opened.Known
	if opened.Reason != "" {
		r.write(Entry{Kind: KindLedgerOpened, Ledger: &LedgerBody{
			LedgerID: opened.LedgerID, Reason: opened.Reason, Predecessor: opened.Predecessor,
			Cluster: r.opts.Cluster, VerifierKey: opened.VerifierKey,
		}})
	}
	return opened
}

// seal gives an entry its place.
func (r *rig) seal(e Entry, objects ...Object) Sealed {
	r.t.Helper()
	r.drive++
	e.Schema, e.Critical, e.Seq, e.Run = Schema, kinds[e.Kind].critical, r.known.NextSeq, r.known.Run
	e.ID = ActID(fmt.Sprintf("process-%p", r), r.drive)
	// Observations are not sorted: every third is a minute late.
	e.ObservedAt = At(time.Unix(1_700_000_000+int64(e.Seq)-60*int64(e.Seq%3/2), 0))
	e.AppendedAt = At(time.Unix(1_700_000_000+int64(e.Seq), 0))
	data, err := e.Encode()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.known.Apply(&e); err != nil {
		r.t.Fatal(err)
	}
	return Sealed{Seq: e.Seq, ID: e.ID, ObservedAt: e.ObservedAt.Time, Data: data, Objects: objects}
}

// write appends entries and waits until they are durable.
func (r *rig) write(entries ...Entry) {
	r.t.Helper()
	if err := r.try(entries...); err != nil {
		r.t.Fatalf("append: %v", err)
	}
}

func (r *rig) try(entries ...Entry) error {
	r.t.Helper()
	done := make(chan error, len(entries)*2+1)
	waits := 0
	send := func(s Sealed) {
		waits++
		r.log.Append([]Sealed{s}, func(err error) { done <- err })
	}
	for _, e := range entries {
		pred, segment, due, err := r.log.RollDue(r.known.NextSeq)
		if err != nil {
			return err
		}
		if due {
			send(r.seal(Entry{Kind: KindLedgerOpened, Ledger: &LedgerBody{
				LedgerID: r.known.LedgerID, Reason: OpenRolled, Segment: segment, Predecessor: pred, Cluster: r.opts.Cluster,
			}}))
		}
		send(r.seal(e, r.objects(&e)...))
		if r.log.SnapshotDue(r.known.NextSeq) {
			if err := r.log.WriteSnapshot(r.known); err != nil {
				return err
			}
		}
	}
	var err error
	for range waits {
		err = errors.Join(err, <-done)
	}
	return err
}

// objects are what the entry names.
func (r *rig) objects(e *Entry) []Object {
	var objects []Object
	for _, in := range e.Inputs {
		o, err := NewObject(map[string]string{"role": in.Role})
		if err != nil {
			r.t.Fatal(err)
		}
		objects = append(objects, o)
	}
	if e.ActorRef != "" {
		o := actor()
		o.Erasable = true
		objects = append(objects, o)
	}
	return objects
}

func actor() Object {
	o, err := NewObject(map[string]string{"salt": "0123", "user": "somebody"})
	if err != nil {
		panic(err)
	}
	return o
}

// beats are n entries; each names an object, and some an actor.
func (r *rig) beats(n int) []Entry {
	r.t.Helper()
	entries := make([]Entry, n)
	for i := range entries {
		role := fmt.Sprintf("role-%d", i%7)
		o, err := NewObject(map[string]string{"role": role})
		if err != nil {
			r.t.Fatal(err)
		}
		entries[i] = Entry{
			Kind: KindHeartbeat, Alive: &AliveBody{Progress: map[string]Time{"Pod": At(time.Unix(int64(i), 0))}},
			Inputs: []Input{{Role: role, Digest: o.Digest}},
		}
		if i%5 == 0 {
			entries[i].ActorRef = actor().Digest
		}
	}
	return entries
}

func (r *rig) close() {
	r.t.Helper()
	if err := r.log.Close(context.Background()); err != nil {
		r.t.Fatalf("close: %v", err)
	}
}

// leaves reads the whole ledger back.
func (r *rig) leaves() [][]byte {
	r.t.Helper()
	var out [][]byte
	err := Read(context.Background(), r.opts.Dir, ReadOptions{}, func(seq uint64, data []byte) error {
		if seq != uint64(len(out)) {
			return fmt.Errorf("got entry %d, want %d", seq, len(out))
		}
		out = append(out, bytes.Clone(data))
		return nil
	})
	if err != nil {
		r.t.Fatalf("read: %v", err)
	}
	return out
}

// onceEach fails unless the ledger holds entries numbered from 0, each id once.
func (r *rig) onceEach() int {
	r.t.Helper()
	ids := map[string]uint64{}
	for seq, data := range r.leaves() {
		var e struct {
			ID  string `json:"id"`
			Seq uint64 `json:"seq"`
		}
		if err := json.Unmarshal(data, &e); err != nil {
			r.t.Fatal(err)
		}
		if e.Seq != uint64(seq) {
			r.t.Errorf("leaf %d holds entry %d", seq, e.Seq)
		}
		if first, twice := ids[e.ID]; twice {
			r.t.Errorf("entry %d is entry %d again", seq, first)
		}
		ids[e.ID] = e.Seq
	}
	return len(ids)
}

func copyTree(tb testing.TB, from, to string) {
	tb.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		tb.Fatal(err)
	}
}
