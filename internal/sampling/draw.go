// Package sampling draws samples of what a ledger is evidence of, so that
// anybody can draw them again with a dozen lines of code of their own, and
// writes down what the ledger has on the units that were drawn.
package sampling

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode"
)

// Version names the way in which samples are drawn: units are sorted by the
// SHA-256, in hex, of seed, population digest and unit id, one right after the
// other, and the first n are taken.
const Version = "holdfast.dev/sample/v1"

// maxSeed is the largest seed, in bytes.
const maxSeed = 256

// Drawn is a unit that was drawn.
type Drawn struct {
	// Rank counts from 1.
	Rank int    `json:"rank"`
	Unit string `json:"unit"`
	// Hash is what the units were sorted by.
	Hash string `json:"hash"`
}

// digestOf is the ledger's PopulationDigest of ids that come sorted, and their number.
func digestOf(sorted iter.Seq[string]) (digest string, n int) {
	h := sha256.New()
	for id := range sorted {
		_, _ = io.WriteString(h, id+"\n") // a hash takes everything
		n++
	}
	return hex.EncodeToString(h.Sum(nil)), n
}

// CheckDraw says what is wrong with a seed or a size.
func CheckDraw(seed string, n int) error {
	switch {
	case seed == "":
		return errors.New("a sample needs a seed that its reader chose: any text, such as a date and initials")
	case len(seed) > maxSeed:
		return fmt.Errorf("a seed of %d bytes, at most %d are allowed", len(seed), maxSeed)
	case slices.ContainsFunc([]rune(seed), func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("the seed has a character that cannot be printed: choose one that stands in your papers as it is")
	case n < 1:
		return errors.New("say how many units to draw: there is no default size, it is the reader's judgement")
	}
	return nil
}

// draw takes the n units that come first.
func draw(seed, digest string, ids iter.Seq[string], n int) []Drawn {
	var first largest
	for id := range ids {
		sum := sha256.Sum256([]byte(seed + digest + id))
		d := Drawn{Unit: id, Hash: hex.EncodeToString(sum[:])}
		if len(first) == n && compare(d, first[0]) > 0 {
			continue
		}
		heap.Push(&first, d)
		if len(first) > n {
			heap.Pop(&first)
		}
	}
	slices.SortFunc(first, compare)
	for i := range first {
		first[i].Rank = i + 1
	}
	return first
}

func compare(a, b Drawn) int { return cmp.Or(cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Unit, b.Unit)) }

// largest is a heap with the unit on top that comes last.
type largest []Drawn

// Len implements heap.Interface.
func (l largest) Len() int { return len(l) }

// Less implements heap.Interface.
func (l largest) Less(i, j int) bool { return compare(l[i], l[j]) > 0 }

// Swap implements heap.Interface.
func (l largest) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

// Push implements heap.Interface.
func (l *largest) Push(x any) { *l = append(*l, x.(Drawn)) }

// Pop implements heap.Interface.
func (l *largest) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}
