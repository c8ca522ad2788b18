package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
)

// eachObject calls fn for each object that the entry itself names, by class and
// digest. What a manifest names is named by the manifest.
func (e *Entry) eachObject(fn func(class, digest string)) {
	for _, in := range e.Inputs {
		fn(objectsDir, in.Digest)
	}
	if e.ActorRef != "" {
		fn(actorsDir, e.ActorRef)
	}
	for _, digest := range e.bodyObjects() {
		if digest != "" {
			fn(objectsDir, digest)
		}
	}
}

// bodyObjects are the digests in the parts by kind; some are empty.
func (e *Entry) bodyObjects() []string {
	var digests []string
	if e.Operator != nil {
		digests = append(digests, e.Operator.Arguments, e.Operator.Permissions)
	}
	if e.Change != nil {
		digests = append(digests, e.Change.To)
	}
	if e.Collection != nil {
		digests = append(digests, e.Collection.Manifest)
	}
	if e.Occurrence != nil && e.Occurrence.Run != nil {
		digests = append(digests, e.Occurrence.Run.Object)
	}
	if e.Access != nil {
		digests = append(digests, e.Access.Access)
	}
	if e.Probe != nil {
		digests = append(digests, e.Probe.Observations)
	}
	if e.Anchor != nil {
		digests = append(digests, e.Anchor.Receipt)
	}
	if e.Pruned != nil {
		digests = append(digests, e.Pruned.State)
	}
	return digests
}

// eachObject calls fn for each object that the manifest itself names, chunks
// included; of policies that are not wanted, the specs only.
func (m *Manifest) eachObject(wanted policies, fn func(digest string)) {
	for i := range m.Policies {
		p := &m.Policies[i]
		fn(p.Spec)
		if !wanted.has(p.Name) {
			continue
		}
		for j := range p.Controls {
			fn(p.Controls[j].Input)
		}
	}
	if m.Access != "" {
		fn(m.Access)
	}
	for i := range m.Chunks {
		fn(m.Chunks[i].Digest)
	}
}

// eachObject calls fn for each object that the chunk names: those of scopes that
// have a unit of a policy that is wanted.
func (c *ManifestChunk) eachObject(wanted policies, fn func(digest string)) {
	for i := range c.Scopes {
		of := func(u ManifestUnit) bool { return wanted.has(u.Policy) }
		if wanted != nil && !slices.ContainsFunc(c.Scopes[i].Units, of) {
			continue
		}
		for _, in := range c.Scopes[i].Inputs {
			fn(in.Digest)
		}
	}
}

// policies are names of policies; nil stands for all.
type policies map[string]bool

func (p policies) has(name string) bool { return p == nil || p[name] }

// of reports whether an entry is about one of the policies, about none, or about
// the spec of any: a reader needs to know all of those.
func (p policies) of(e *Entry) bool {
	return e.Policy == nil || e.Change != nil || p.has(e.Policy.Name)
}

// DecodeManifest reads the content of a manifest object.
func DecodeManifest(data []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if m.Schema != ManifestSchema {
		return nil, fmt.Errorf("manifest with schema %q, want %q", m.Schema, ManifestSchema)
	}
	return &m, nil
}

// DecodeChunk reads the content of a chunk object.
func DecodeChunk(data []byte) (*ManifestChunk, error) {
	var c ManifestChunk
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("chunk of a manifest: %w", err)
	}
	if c.Schema != ChunkSchema {
		return nil, fmt.Errorf("chunk with schema %q, want %q", c.Schema, ChunkSchema)
	}
	return &c, nil
}

// eachNamedBy calls fn for each object that an object's content names: that of
// a manifest, a chunk or a state does, all others name none.
func eachNamedBy(data []byte, wanted policies, fn func(digest string)) {
	var head struct {
		Schema string `json:"schema"`
	}
	if json.Unmarshal(data, &head) != nil {
		return
	}
	switch head.Schema {
	case ManifestSchema:
		if m, err := DecodeManifest(data); err == nil {
			m.eachObject(wanted, fn)
		}
	case ChunkSchema:
		if c, err := DecodeChunk(data); err == nil {
			c.eachObject(wanted, fn)
		}
	case knownSchema:
		if k, err := UnmarshalKnown(data); err == nil {
			k.eachObject(fn)
		}
	}
}

// eachObject calls fn for each object that what is known refers to, and that
// only entries which were pruned may name.
func (k *Known) eachObject(fn func(digest string)) {
	digests := []string{k.evidence.Access}
	for _, p := range k.policies {
		digests = append(digests, p.Spec)
	}
	for _, s := range k.evidence.Schedules {
		digests = append(digests, s.Ref.Definition, s.Manifest)
	}
	for _, tests := range k.evidence.Restores {
		for _, r := range tests {
			digests = append(digests, r.Observations)
		}
	}
	for _, digest := range digests {
		if digest != "" {
			fn(digest)
		}
	}
}

// ObjectName names an object on a volume: its class, which is its directory, and
// its digest.
type ObjectName struct{ Class, Digest string }

// Path is the object's file, relative to the volume, with slashes.
func (n ObjectName) Path(ledgerID string) string {
	return path.Join(ledgersDir, ledgerID, n.Class, n.Digest[:2], n.Digest+objectSuffix)
}

// Erasable reports whether it is an object that says who acted.
func (n ObjectName) Erasable() bool { return n.Class == actorsDir }

// NamedObjects returns the objects that the entries [from, to) of a ledger name,
// each once, and those that the ledger's state before its first entry refers to.
// What those name is for an Unpacker. The ledger's checkpoint is not looked at.
func NamedObjects(ctx context.Context, dir, ledgerID string, from, to uint64) ([]ObjectName, error) {
	p, err := placeToRead(dir, ledgerID)
	if err != nil {
		return nil, err
	}
	first, last, err := p.first()
	if err != nil {
		return nil, err
	}
	var names []ObjectName
	seen := map[ObjectName]bool{}
	add := func(class, digest string) {
		if n := (ObjectName{class, digest}); validDigest(digest) && !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	if last != nil {
		add(objectsDir, last.State)
	}
	err = p.entries(ctx, max(from, p.base(first)), to, false, func(_ uint64, data []byte) error {
		e, err := Decode(data)
		if err != nil {
			return err
		}
		e.eachObject(add)
		return nil
	})
	return names, err
}

// Unpacker reads the files of objects. It may be used concurrently.
type Unpacker struct{ codec *codec }

// NewUnpacker returns an unpacker.
func NewUnpacker() (*Unpacker, error) {
	c, err := newCodec()
	return &Unpacker{c}, err
}

// Names unpacks the file of an object that was fetched from elsewhere, compares
// it with its digest, and returns what it names itself.
func (u *Unpacker) Names(digest string, file []byte) ([]ObjectName, error) {
	data, err := u.codec.unpack(file)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", digest, err)
	}
	if got := Digest(data); got != digest {
		return nil, fmt.Errorf("object %s: its content has the digest %s", digest, got)
	}
	var names []ObjectName
	eachNamedBy(data, nil, func(digest string) {
		if validDigest(digest) {
			names = append(names, ObjectName{objectsDir, digest})
		}
	})
	return names, nil
}
