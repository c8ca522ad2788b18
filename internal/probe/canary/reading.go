package canary

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	// outer begins the prefixes that are stored with an object. The others, but for
	// identity's, name a local key within one.
	outer = "k8s:enc:"
	// kmsV2 begins those of KMS v2, before the provider's name.
	kmsV2 = "k8s:enc:kms:v2:"
	// identity is what to_storage calls writing in the clear, and identityRead what
	// from_storage calls reading it.
	identity     = ""
	identityRead = "identity"

	// maxCount bounds a count: up to here, they are exact.
	maxCount = 1 << 53
	// maxKeyIDs is how many key ids are told.
	maxKeyIDs = 8
)

// reading is what an API server's metrics said at one moment.
type reading struct {
	// started tells one process from the next.
	started float64
	// written counts writes to storage by prefix, and clear reads in the clear.
	written map[string]float64
	clear   float64
	// unlabelled is true where written counts all resources.
	unlabelled bool
	// uses counts the uses of a KMS key for writes, and last when it was.
	uses, last map[kmsKey]float64
	// config is the hash of the encryption config, where it is reloaded.
	config string
	// served counts the objects of the resource that were created.
	served float64
	// disabled is how many metrics were switched off.
	disabled float64
}

// kmsKey is a key of a KMS v2 provider.
type kmsKey struct{ provider, hash string }

// read makes a reading of samples.
func read(samples []sample, resource string) *reading {
	r := &reading{written: map[string]float64{}, uses: map[kmsKey]float64{}, last: map[kmsKey]float64{}}
	for _, s := range samples {
		switch s.family {
		case operations:
			r.operation(s, resource)
		case keyUses:
			if s.labels["transformation_type"] == "to_storage" {
				r.uses[kmsKey{s.labels["provider_name"], s.labels["key_id_hash"]}] += s.value
			}
		case keyLastUse:
			if s.labels["transformation_type"] == "to_storage" {
				key := kmsKey{s.labels["provider_name"], s.labels["key_id_hash"]}
				r.last[key] = max(r.last[key], s.value)
			}
		case configInfo:
			r.config = max(r.config, s.labels["hash"])
		case requests:
			if s.labels["group"] == "" && s.labels["subresource"] == "" && s.labels["dry_run"] == "" && s.labels["code"] == "201" {
				r.served += s.value
			}
		case disabled:
			r.disabled = s.value
		case startTime:
			r.started = s.value
		}
	}
	return r
}

// operation adds a count of transformations.
func (r *reading) operation(s sample, resource string) {
	of, labelled := s.labels["resource"]
	if labelled && of != resource || s.labels["status"] != "OK" {
		return
	}
	r.unlabelled = r.unlabelled || !labelled
	prefix := s.labels["transformer_prefix"]
	switch s.labels["transformation_type"] {
	case "to_storage":
		r.written[prefix] += s.value
	case "from_storage":
		if prefix == identityRead && labelled {
			r.clear += s.value
		}
	}
}

// growth is what changed between two readings of one process.
type growth struct {
	// restarted is true where they are of two, and nothing else counts.
	restarted bool
	// written are the prefixes that grew.
	written map[string]bool
	used    map[kmsKey]bool
	// served is whether the process served a creation of an object of the resource.
	served bool
}

// grown compares two readings.
func grown(before, after *reading) growth {
	g := growth{written: map[string]bool{}, used: map[kmsKey]bool{}, served: after.served > before.served}
	g.restarted = before.started != after.started
	for prefix, count := range before.written {
		g.restarted = g.restarted || after.written[prefix] < count
	}
	for prefix, count := range after.written {
		if count > before.written[prefix] {
			g.written[prefix] = true
		}
	}
	for key, count := range after.uses {
		g.used[key] = count > before.uses[key]
	}
	return g
}

// providers are the prefixes of what objects were written through, sorted: identity
// is the empty one.
func (g *growth) providers() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(g.written)), func(prefix string) bool {
		return prefix != identity && !strings.HasPrefix(prefix, outer)
	})
}

// stored is what the growth says of how objects are stored.
//
// Others write objects of the resource at the same time, and are counted, too. That
// takes nothing from it: every write of a resource through one process goes through
// the same, first provider. So whoever's write it was, growth by a prefix shows what
// that provider is, and growth by the empty one that identity is, and the canary's
// own write is among them.
func (g *growth) stored(after *reading) *control.Stored {
	s := &control.Stored{
		Unlabelled: after.unlabelled, ReadInTheClear: atLeast(after.clear), ConfigHash: after.config,
		Prefixes: map[string]int{}, Keys: map[string]int{},
	}
	// What is counted beside the canary differs from time to time, and says nothing:
	// equal sights are to be equal.
	for prefix := range g.written {
		if prefix == identity || strings.HasPrefix(prefix, outer) {
			s.Prefixes[prefix] = 1
			continue
		}
		s.Keys[strings.TrimSuffix(prefix, ":")] = 1
	}
	s.KeyIDs = g.keyIDs(after)
	return s
}

// atLeast rounds a count down to one digit and zeros: one that grows all the time is
// to be the same for a while.
func atLeast(count float64) int64 {
	n, zeros := int64(min(count, maxCount)), int64(1)
	for n >= 10 {
		n, zeros = n/10, zeros*10
	}
	return n * zeros
}

// keyIDs are the hashes of the ids of the KMS keys that were written with, of the
// providers that are in use: first that which was just used, then the newest.
func (g *growth) keyIDs(after *reading) []string {
	var keys []kmsKey
	for key := range after.uses {
		if g.written[kmsV2+key.provider+":"] {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b kmsKey) int {
		if g.used[a] != g.used[b] {
			if g.used[a] {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(after.last[b], after.last[a]), cmp.Compare(a.hash, b.hash))
	})
	var hashes []string
	for _, key := range keys[:min(len(keys), maxKeyIDs)] {
		hashes = append(hashes, key.hash)
	}
	return hashes
}
