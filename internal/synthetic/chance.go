package synthetic

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"crypto/sha256"
)

// dice decide what chance decides, reproducibly.
type dice struct{ *rand.Rand }

func newDice(seed uint64, purpose string) dice {
	sum := sha256.Sum256([]byte(purpose))
	return dice{rand.New(rand.NewPCG(seed, binary.BigEndian.Uint64(sum[:])))}
}

// hex returns n random bytes in hex.
func (d dice) hex(n int) string {
	raw := make([]byte, 0, n+8)
	for len(raw) < n {
		raw = binary.BigEndian.AppendUint64(raw, d.Uint64())
	}
	return hex.EncodeToString(raw[:n])
}

// uid returns an id as the API server makes them.
func (d dice) uid() string {
	h := d.hex(16)
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:32])
}

// between returns a duration from least to most, in whole microseconds.
func (d dice) between(least, most time.Duration) time.Duration {
	return (least + time.Duration(d.Int64N(int64(most-least)+1))).Truncate(time.Microsecond)
}

// after returns how long it takes until something happens that happens every
// mean on average, at any time.
func (d dice) after(mean time.Duration) time.Duration {
	return time.Duration(d.ExpFloat64() * float64(mean)).Truncate(time.Microsecond)
}

// chance is true in percent of all cases.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// key returns a signing key.
func (d dice) key() ed25519.PrivateKey {
	seed, err := hex.DecodeString(d.hex(ed25519.SeedSize))
	if err != nil {
		panic(fmt.Sprintf("hex that was just encoded: %v", err))
	}
	return ed25519.NewKeyFromSeed(seed)
}
