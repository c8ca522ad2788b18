package ledger

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWriterWritesTheSamePastTwice: entries depend on what is written alone, not
// on the machine's clock; a segment that is full is followed by another; what is
// written verifies.
func TestWriterWritesTheSamePastTwice(t *testing.T) {
	spec, err := NewObject(map[string]string{"mode": "Enforce"})
	if err != nil {
		t.Fatal(err)
	}
	var key string
	var held [][]byte
	write := func() (*rig, [][]byte) {
		r := newRig(t)
		r.opts.SegmentSize = 10
		r.opts.NewID = func() (string, error) { return "00112233445566778899aabbccddeeff", nil }
		for i, process := range []string{"first", "second"} {
			begun := epoch.Add(time.Duration(i) * time.Hour)
			w, err := OpenWriter(context.Background(), WriterOptions{Options: r.opts,
				Operator: OperatorBody{Process: process, Version: "v0", StartedAt: At(begun)}})
			if err != nil {
				t.Fatal(err)
			}
			key = w.VerifierKey()
			drafts := append(declared(), drift(), drift(), correction(), beat(), beat(), beat(), beat(), beat(), beat())
			drafts[0].Change.To, drafts[0].Payload = spec.Digest, func() ([]Input, []Object, error) { return nil, []Object{spec}, nil }
			for i := range drafts {
				drafts[i].At = begun.Add(time.Duration(i+1) * time.Second)
			}
			if _, err := w.Write(drafts...); err != nil {
				t.Fatal(err)
			}
			checkpoint, entries, err := w.Checkpoint()
			if err != nil || entries != w.Known().NextSeq {
				t.Fatalf("the checkpoint covers %d of %d entries (%v)", entries, w.Known().NextSeq, err)
			}
			held = append(held, checkpoint)
			if err := w.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		return r, r.leaves()
	}
	r, first := write()
	_, second := write()
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("entries (-first +second):\n%s", diff)
	}
	report, err := Verify(context.Background(), r.opts.Dir, VerifyOptions{Keys: []string{key}, Held: held})
	if err != nil || report.Status != VerifyValid {
		t.Fatalf("verify: %+v (%v)", report, err)
	}
	if got := report.Ledgers[0].Segments; got != 3 {
		t.Errorf("%d entries are in %d segments, want 3", len(first), got)
	}
}
