package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// Errors of Erase.
var (
	// ErrLegalHold: a schedule holds everything.
	ErrLegalHold = errors.New("a schedule holds everything (legal hold)")
	// ErrNamedAgain: whoever the object is about acted again meanwhile. It is
	// there; erase it again.
	ErrNamedAgain = errors.New("the object was named again meanwhile")
)

// Erase removes an object that says who acted: the entry that says so first,
// then the file. Entries go on naming its digest, which is salted and says
// nothing. The reason is a CamelCase word, the message one sentence for people.
func (r *Recorder) Erase(ctx context.Context, digest, reason, message string) error {
	log := r.Log()
	if log == nil {
		return ErrClosed
	}
	held := false
	r.View(func(k *Known) { held = k.Evidence().LegalHold() })
	switch {
	case held:
		return ErrLegalHold
	case !validDigest(digest):
		return fmt.Errorf("%q is no digest of an object", digest)
	}
	path := log.place.object(actorsDir, digest)
	packed, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("erase object %s: %w", digest, err)
	}
	log.forgetStored()
	e := Entry{Kind: KindObjectErased, Reason: reason, Message: message, Erased: &ErasedBody{Digest: digest}}
	if err := r.say(ctx, log, e); err != nil {
		return fmt.Errorf("erase object %s: %w", digest, err)
	}
	if _, err := log.removeUnused(path, time.Now().Add(objectGrace)); err != nil {
		return fmt.Errorf("erase object %s: %w", digest, err)
	}
	return r.putBack(log, digest, packed)
}

// putBack restores an object that an entry named after it was said to be erased
// and before it was removed.
func (r *Recorder) putBack(log *Log, digest string, packed []byte) error {
	again := false
	r.View(func(k *Known) { again = k.Evidence().Erased != digest })
	if !again || volume.Exists(log.place.object(actorsDir, digest)) {
		return nil
	}
	if err := volume.WriteFile(log.place.object(actorsDir, digest), packed); err != nil {
		return err
	}
	return ErrNamedAgain
}
