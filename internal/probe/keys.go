package probe

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// maxKeys is how many keys are remembered besides those that the ledger knows.
const maxKeys = 1024

// keys says since when keys are in use, as far as Holdfast saw it.
type keys struct {
	known func(id string) (time.Time, bool)

	mu    sync.Mutex
	first map[string]time.Time
}

func newKeys(known func(string) (time.Time, bool)) *keys {
	return &keys{known: known, first: map[string]time.Time{}}
}

// seen notes the keys that canaries were encrypted with, says in the observations
// since when, and returns them by id.
func (k *keys) seen(jobs []job) []ledger.SeenKey {
	all := map[string]time.Time{}
	for _, j := range jobs {
		if j.seen.Stored == nil {
			continue
		}
		for _, id := range keyIDs(j.seen.Canary.Resource, j.seen.Stored) {
			first := k.firstSeen(id, j.seen.At)
			all[id] = first
			if stored := j.seen.Stored; stored.FirstSeen.IsZero() || first.Before(stored.FirstSeen) {
				stored.FirstSeen = first
			}
		}
	}
	seen := make([]ledger.SeenKey, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		seen = append(seen, ledger.SeenKey{ID: id, FirstSeen: ledger.At(all[id])})
	}
	return seen
}

// firstSeen is when a key that is seen now was first seen. What the ledger says
// comes late where the ledger is behind: so what was seen is remembered, too.
func (k *keys) firstSeen(id string, now time.Time) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	first := now
	if remembered, ok := k.first[id]; ok {
		first = earlier(first, remembered)
	}
	if k.known != nil {
		if recorded, ok := k.known(id); ok {
			first = earlier(first, recorded.UTC())
		}
	}
	if _, ok := k.first[id]; ok || len(k.first) < maxKeys {
		k.first[id] = first
	}
	return first
}

// keyIDs names the keys that a canary was encrypted with: the resource, the
// provider, and the key's name or the hash of its id. A key that is replaced by
// another of the same name is not told from it.
func keyIDs(resource string, stored *control.Stored) []string {
	var ids []string
	for _, prefix := range slices.Sorted(maps.Keys(stored.Prefixes)) {
		provider, encrypted := strings.CutPrefix(prefix, "k8s:enc:")
		if !encrypted {
			continue
		}
		provider = strings.ReplaceAll(strings.TrimSuffix(provider, ":"), ":", "/")
		if strings.HasPrefix(provider, "kms/") {
			if len(stored.KeyIDs) > 0 {
				ids = append(ids, resource+"/"+provider+"/"+stored.KeyIDs[0])
			}
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(stored.Keys)) {
			ids = append(ids, resource+"/"+provider+"/"+name)
		}
	}
	return ids
}
