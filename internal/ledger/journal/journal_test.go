package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ledgerID = "0123456789abcdef0123456789abcdef"

func entry(seq uint64) Record {
	return Record{Type: TypeEntry, Seq: seq, ObservedAt: int64(seq) - 5, Data: fmt.Appendf(nil, "entry %d", seq)}
}

func object(content string) Record {
	return Record{Type: TypeObject, Digest: sha256.Sum256([]byte(content)), Data: []byte(content)}
}

func newWriter(tb testing.TB, dir string, opts Options) *Writer {
	tb.Helper()
	opts.Dir, opts.LedgerID = dir, ledgerID
	w, err := NewWriter(opts)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// write makes one frame of the records.
func write(tb testing.TB, w *Writer, records ...Record) {
	tb.Helper()
	done := make(chan error)
	w.Append(records, func(err error) { done <- err })
	if err := <-done; err != nil {
		tb.Fatal(err)
	}
}

// scan returns the sequence numbers of the entries in a journal.
func scan(dir string) (seqs []uint64, result Result, err error) {
	result, err = Scan(dir, ledgerID, func(_ string, f *Frame) error {
		for _, r := range f.Records {
			if r.Type == TypeEntry {
				seqs = append(seqs, r.Seq)
			}
		}
		return nil
	})
	return seqs, result, err
}

func TestManyWritersShareCommitsAndKeepTheirOrder(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, Options{Next: 7})
	const n = 2000
	var wait sync.WaitGroup
	var order []uint64
	for seq := range uint64(n) {
		wait.Add(1)
		w.Append([]Record{entry(seq)}, func(err error) {
			if err != nil {
				t.Errorf("entry %d: %v", seq, err)
			}
			order = append(order, seq)
			wait.Done()
		})
	}
	wait.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, result, err := scan(dir)
	if err != nil || result.Torn != nil {
		t.Fatalf("got %v, %+v", err, result.Torn)
	}
	want := make([]uint64, n)
	for i := range want {
		want[i] = uint64(i)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("order of the answers (-want +got):\n%s", diff)
	}
	if frames := result.Next - 7; frames >= n {
		t.Errorf("%d frames for %d requests: nothing was shared", frames, n)
	}
}

func TestRecordsAreReadBackAcrossFiles(t *testing.T) {
	dir := t.TempDir()
	stored := object("stored")
	w := newWriter(t, dir, Options{Next: 1, MaxFile: 300, Stored: func(r *Record) bool { return r.Digest == stored.Digest }})
	var want []Record
	for seq := range uint64(40) {
		o := object(strings.Repeat("x", int(seq)))
		o.Type = []byte{TypeObject, TypeActor}[seq%2]
		write(t, w, o, stored, entry(seq))
		want = append(want, o, entry(seq))
	}
	names, err := Files(dir)
	if err != nil || len(names) < 5 {
		t.Fatalf("got files %v, %v, want several", names, err)
	}
	r := NewReader(dir, ledgerID, 1)
	var got []Record
	for r.Position() < w.Durable() {
		f, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Records...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if err := w.Trim(20); err != nil {
		t.Fatal(err)
	}
	seqs, _, err := scan(dir)
	if err != nil || seqs[0] > 19 || seqs[0] == 0 || seqs[len(seqs)-1] != 39 {
		t.Errorf("after trimming: got %v, %v", seqs, err)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	w.Append([]Record{entry(40)}, func(err error) { failed <- err })
	if err := <-failed; !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: got %v, want ErrClosed", err)
	}
}

// journalOf3 is a journal of one file and three frames, and where they end.
func journalOf3(t *testing.T) (dir, file string, content []byte, ends []int) {
	t.Helper()
	dir = t.TempDir()
	w := newWriter(t, dir, Options{Next: 1})
	file = filepath.Join(dir, fileName(1))
	for seq := range uint64(3) {
		write(t, w, object("an object"), entry(seq))
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		content, ends = data, append(ends, len(data))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, file, content, ends
}

func TestTornAtEveryByte(t *testing.T) {
	dir, file, content, ends := journalOf3(t)
	for size := range content {
		if err := os.WriteFile(file, content[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, end := range ends {
			if size >= end {
				want++
			}
		}
		seqs, result, err := scan(dir)
		whole := size == len(preamble(ledgerID)) || (want > 0 && size == ends[want-1])
		if err != nil || len(seqs) != want || (result.Torn == nil) != whole {
			t.Errorf("cut at byte %d: got entries %v, torn %+v, %v, want %d entries", size, seqs, result.Torn, err, want)
		}
	}
}

func TestChangedByteIsAHoleOrATornEnd(t *testing.T) {
	dir, file, content, ends := journalOf3(t)
	for at := range content {
		changed := append([]byte{}, content...)
		changed[at] ^= 0x21
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		seqs, result, err := scan(dir)
		switch {
		case at < ends[1] && !errors.Is(err, ErrDamaged):
			t.Errorf("byte %d: got entries %v, %v, want ErrDamaged", at, seqs, err)
		case at >= ends[1] && (err != nil || len(seqs) != 2 || result.Torn == nil || !result.Torn.Whole):
			t.Errorf("byte %d: got entries %v, torn %+v, %v, want a wrong last frame", at, seqs, result.Torn, err)
		}
	}
}

func TestMissingFileIsAHole(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, Options{Next: 1, MaxFile: 1})
	for seq := range uint64(5) {
		write(t, w, entry(seq))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, fileName(3))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := scan(dir); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

func TestJournalOfAnotherLedgerIsRefused(t *testing.T) {
	dir, _, _, _ := journalOf3(t)
	_, err := Scan(dir, strings.Repeat("f", 32), func(string, *Frame) error { return nil })
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

func TestFailedWriteFailsEverythingAfterIt(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, Options{Next: 1})
	write(t, w, entry(0))
	if err := w.file.Close(); err != nil { // as a disk that is gone
		t.Fatal(err)
	}
	for seq := uint64(1); seq < 3; seq++ {
		failed := make(chan error)
		w.Append([]Record{entry(seq)}, func(err error) { failed <- err })
		if err := <-failed; err == nil {
			t.Errorf("entry %d became durable", seq)
		}
	}
	<-w.Stopped()
	if w.Err() == nil {
		t.Error("the writer knows no error")
	}
	if seqs, _, err := scan(dir); err != nil || len(seqs) != 1 {
		t.Errorf("got %v, %v, want one entry", seqs, err)
	}
}

func FuzzDecodeFrame(f *testing.F) {
	frame := beginFrame(nil)
	for _, r := range []Record{object("an object"), entry(1), {Type: TypeActor, Data: []byte("a")}} {
		frame = appendRecord(frame, &r)
	}
	finishFrame(frame, 0, 9)
	f.Add(frame)
	f.Add(frame[:30])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, n, err := decodeFrame(data)
		if err != nil {
			if !errors.Is(err, errShort) && !errors.Is(err, errBad) {
				t.Errorf("got %v, want a short or a bad frame", err)
			}
			return
		}
		again := beginFrame(nil)
		for i := range got.Records {
			again = appendRecord(again, &got.Records[i])
		}
		finishFrame(again, 0, got.Number)
		if diff := cmp.Diff(data[:n], again); diff != "" {
			t.Errorf("encoded again (-want +got):\n%s", diff)
		}
	})
}

func FuzzDecodeRecords(f *testing.F) {
	o, e := object("an object"), entry(1)
	f.Add(appendRecord(appendRecord(nil, &o), &e))
	f.Add([]byte{'E', 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := decodeRecords(data)
		if err != nil {
			return
		}
		var again []byte
		for i := range records {
			again = appendRecord(again, &records[i])
		}
		if string(again) != string(data) {
			t.Errorf("encoded again: got %x, want %x", again, data)
		}
	})
}

// BenchmarkDurable measures one entry at a time, from Append to durable.
func BenchmarkDurable(b *testing.B) {
	w := newWriter(b, b.TempDir(), Options{Next: 1})
	e := entry(1)
	e.Data = make([]byte, 800)
	done := make(chan error)
	for b.Loop() {
		w.Append([]Record{e}, func(err error) { done <- err })
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}
