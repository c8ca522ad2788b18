package controllers

import (
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

const (
	// spaceWait is how long a scrape waits for the volume: one that hangs must not
	// silence all else.
	spaceWait = time.Second
	// usedEvery is the shortest time between two looks at all files of the ledger.
	usedEvery = 5 * time.Minute
	// usedShare is how many times longer than a look takes the next one is off: a
	// large ledger costs no more than a hundredth of a core.
	usedShare = 100
)

// ledgerVolume reads how large the ledger and its volume are.
type ledgerVolume struct {
	dir string
	// asking joins scrapes that ask for the same.
	asking singleflight.Group

	mu sync.Mutex
	// used is what the files took when they were looked at last, next when they
	// are looked at again, and looking whether somebody does.
	used    uint64
	known   bool
	next    time.Time
	looking bool
}

// space says how large the ledger and its volume are. Nothing is said by a volume
// that does not answer.
func (s scrape) space() {
	v := &s.volume
	if v.dir == "" {
		return
	}
	answer := v.asking.DoChan("space", func() (any, error) { return volume.SpaceOf(v.dir) })
	late := time.NewTimer(spaceWait)
	defer late.Stop()
	select {
	case got := <-answer:
		if space, ok := got.Val.(volume.Space); ok && got.Err == nil {
			s.gauge("holdfast_ledger_volume_available_bytes", float64(space.Free))
			s.gauge("holdfast_ledger_volume_capacity_bytes", float64(space.Total))
		}
	case <-late.C:
	}
	if used, known := v.use(s.opts.Now()); known {
		s.gauge("holdfast_ledger_bytes", float64(used))
	}
}

// use is what the ledger's files took when they were looked at last. It begins
// another look where that is due.
func (v *ledgerVolume) use(now time.Time) (used uint64, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.looking && !now.Before(v.next) {
		v.looking = true
		go v.look(now)
	}
	return v.used, v.known
}

func (v *ledgerVolume) look(now time.Time) {
	begun := time.Now()
	used, err := volume.Used(v.dir)
	took := time.Since(begun)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looking, v.next = false, now.Add(usedShare*took)
	if err == nil { // A ledger that does not exist yet soon will.
		v.used, v.known, v.next = used, true, now.Add(max(usedEvery, usedShare*took))
	}
}
