package tlog

import (
	"testing"

	"github.com/transparency-dev/tessera"
)

func FuzzSplitBundle(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 3, 'a', 'b', 'c', 0, 0})
	f.Add([]byte{0, 3, 'a'})
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := SplitBundle(data)
		if err != nil {
			return
		}
		var again []byte
		for i, e := range entries {
			again = append(again, tessera.NewEntry(e).MarshalBundleData(uint64(i))...)
		}
		if string(again) != string(data) {
			t.Errorf("joined again: got %x, want %x", again, data)
		}
	})
}
