package ledger

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkAppend measures from Append until an entry is durable, one at a
// time, with the committer at work behind it.
func BenchmarkAppend(b *testing.B) {
	r := newRig(b)
	r.opts.SegmentSize = 0 // the default
	r.open()
	entries := r.beats(1)
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		r.write(entries...)
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	r.close()
}

// BenchmarkReopen measures opening, reading and verifying a ledger that was
// closed in order. A million entries take minutes to write:
//
//	go test -run - -bench Reopen/1000000 -timeout 1h ./internal/ledger
func BenchmarkReopen(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRig(b)
			r.opts.SegmentSize, r.opts.SnapshotEvery = 0, 0 // the defaults
			r.open()
			begun := time.Now()
			for range n / 1000 {
				r.write(r.beats(1000)...)
			}
			r.close()
			written := float64(n) / time.Since(begun).Seconds()
			begun = time.Now()
			if _, err := Verify(context.Background(), r.opts.Dir, VerifyOptions{}); err != nil {
				b.Fatal(err)
			}
			verified := time.Since(begun).Seconds()
			begun = time.Now()
			if err := Read(context.Background(), r.opts.Dir, ReadOptions{}, func(uint64, []byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
			read := time.Since(begun).Seconds()
			for b.Loop() {
				r.open()
				b.StopTimer()
				r.close()
				b.StartTimer()
			}
			b.ReportMetric(written, "written/s")
			b.ReportMetric(verified, "verify-s")
			b.ReportMetric(read, "read-s")
		})
	}
}
