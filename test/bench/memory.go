package main

import (
	"sync"
	"time"
)

// memoryEvery is how often memory is looked at.
const memoryEvery = 50 * time.Millisecond

// memory is what a process holds, in bytes.
type memory struct {
	// resident is all of it, private what are not pages of files: those of the
	// program itself, which the kernel can drop and read again.
	resident, private uint64
}

// most returns the higher of each.
func (m memory) most(other memory) memory {
	return memory{resident: max(m.resident, other.resident), private: max(m.private, other.private)}
}

// String shows both.
func (m memory) String() string {
	if m.resident == 0 {
		return nothing
	}
	return mebibytes(m.resident) + " / " + mebibytes(m.private)
}

// memoryWatch looks at the memory of a process until that ends. The kernel keeps
// the highest resident memory itself, but of a whole life, and not without the
// pages of files.
type memoryWatch struct {
	mu   sync.Mutex
	peak memory
}

func watchMemory(p *process) *memoryWatch {
	w := &memoryWatch{}
	go func() {
		ticker := time.NewTicker(memoryEvery)
		defer ticker.Stop()
		for {
			select {
			case <-p.exited:
				return
			case <-ticker.C:
				if used, err := usageOf(p.pid()); err == nil { // it may just have ended
					w.saw(used.memory())
				}
			}
		}
	}()
	return w
}

func (w *memoryWatch) saw(now memory) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peak = w.peak.most(now)
}

// take returns the highest since the last call.
func (w *memoryWatch) take() memory {
	w.mu.Lock()
	defer w.mu.Unlock()
	peak := w.peak
	w.peak = memory{}
	return peak
}
