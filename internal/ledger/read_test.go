package ledger

import (
	"context"
	"testing"
	"time"
)

func TestReadOfAnIntervalMissesNothing(t *testing.T) {
	r := newRig(t)
	r.opts.SegmentSize = 1100
	r.open()
	r.write(r.beats(3000)...)
	r.close()
	start := time.Unix(1_700_000_000, 0)
	for name, tc := range map[string]struct {
		opts       ReadOptions
		wantAtMost int
		wantInside int
	}{
		"everything":       {opts: ReadOptions{}, wantInside: 3003, wantAtMost: 3003},
		"from an entry":    {opts: ReadOptions{From: 2000}, wantInside: 1003, wantAtMost: 1003},
		"an interval":      {opts: ReadOptions{Since: start.Add(700 * time.Second), Until: start.Add(800 * time.Second)}, wantInside: 100, wantAtMost: 768},
		"since":            {opts: ReadOptions{Since: start.Add(2900 * time.Second)}, wantInside: 83, wantAtMost: 700},
		"nothing observed": {opts: ReadOptions{Since: start.Add(time.Hour * 99)}, wantAtMost: 256 * 3},
	} {
		t.Run(name, func(t *testing.T) {
			inside, all, last := 0, 0, int64(-1)
			err := Read(context.Background(), r.opts.Dir, tc.opts, func(seq uint64, data []byte) error {
				e, err := Decode(data)
				if err != nil {
					return err
				}
				if e.Seq != seq || int64(seq) <= last {
					t.Errorf("got entry %d as %d after %d", e.Seq, seq, last)
				}
				last, all = int64(seq), all+1
				at := e.ObservedAt.Time
				if !at.Before(tc.opts.Since) && (tc.opts.Until.IsZero() || at.Before(tc.opts.Until)) {
					inside++
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if inside != tc.wantInside || all > tc.wantAtMost {
				t.Errorf("got %d entries, %d of them inside; want at most %d, and %d", all, inside, tc.wantAtMost, tc.wantInside)
			}
		})
	}
}
