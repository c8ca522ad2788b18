package collect

import (
	"crypto/sha256"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

const (
	// maxChunk is the largest number of scopes of a chunk.
	maxChunk = 256
	// cutEvery is how many scopes a chunk has on average.
	cutEvery = 64
)

// cuts reports whether a chunk ends with a scope: that follows from its name, so
// that a namespace that comes or goes changes one chunk.
func cuts(scope string) bool {
	sum := sha256.Sum256([]byte(scope))
	return sum[0]%cutEvery == 0
}

// chunks cut a manifest's scopes, which come in order of their names. A chunk is
// written, and forgotten, as soon as all its scopes are decided.
type chunks struct {
	// put writes a chunk.
	put   func([]*scope) (ledger.ManifestChunkRef, error)
	parts []*chunk
	// full is whether the last chunk takes no more.
	full bool
}

// chunk are successive scopes until they are written, and what refers to them then.
type chunk struct {
	scopes []*scope
	ref    ledger.ManifestChunkRef
}

// add adds a scope.
func (c *chunks) add(s *scope) error {
	if len(c.parts) == 0 || c.full {
		c.parts = append(c.parts, &chunk{})
	}
	last := c.parts[len(c.parts)-1]
	last.scopes = append(last.scopes, s)
	c.full = cuts(s.name) || len(last.scopes) == maxChunk
	if !c.full {
		return nil
	}
	return c.write(last)
}

// write writes a chunk, unless a scope in it is open.
func (c *chunks) write(part *chunk) (err error) {
	var there []*scope
	for _, s := range part.scopes {
		if s.open {
			return nil
		}
		if s.exists {
			there = append(there, s)
		}
	}
	part.scopes = nil
	if len(there) > 0 {
		part.ref, err = c.put(there)
	}
	return err
}

// finish writes what is left, and returns what refers to all chunks.
func (c *chunks) finish() ([]ledger.ManifestChunkRef, error) {
	refs := []ledger.ManifestChunkRef{}
	for _, part := range c.parts {
		if len(part.scopes) > 0 {
			if err := c.write(part); err != nil {
				return nil, err
			}
		}
		if part.ref.Scopes > 0 {
			refs = append(refs, part.ref)
		}
	}
	return refs, nil
}

// putChunk counts the scopes of a chunk, and makes it and their inputs durable.
func (n *collection) putChunk(scopes []*scope) (ledger.ManifestChunkRef, error) {
	chunk := ledger.ManifestChunk{Schema: ledger.ChunkSchema}
	var objects []ledger.Object
	for _, s := range scopes {
		chunk.Scopes = append(chunk.Scopes, s.entry)
		for _, p := range n.policies {
			p.count(&s.entry)
		}
		for _, part := range s.parts {
			if n.fresh(part.Digest) {
				objects = append(objects, part.Object)
			}
		}
	}
	object, err := ledger.NewObject(chunk)
	if err != nil {
		return ledger.ManifestChunkRef{}, &failure{ReasonNotEncodable, err.Error()}
	}
	return ledger.ManifestChunkRef{Digest: object.Digest, First: scopes[0].name, Last: scopes[len(scopes)-1].name, Scopes: len(scopes)},
		n.put(append(objects, object)...)
}

// fresh reports whether this collection has not written an object yet.
func (n *collection) fresh(digest string) bool {
	if _, written := n.written[digest]; written {
		return false
	}
	n.written[digest] = struct{}{}
	return true
}
