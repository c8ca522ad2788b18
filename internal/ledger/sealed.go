package ledger

import "time"

// Sealed is an entry with its final bytes.
type Sealed struct {
	Seq        uint64
	ID         string
	ObservedAt time.Time
	// Data is the entry's canonical form: the leaf.
	Data []byte
	// Objects are the payloads that the entry names, and that must be durable
	// before it.
	Objects []Object
}

// Object is a content-addressed payload.
type Object struct {
	// Digest is the SHA-256 of Data, in hex.
	Digest string
	Data   []byte
	// Erasable is true for an object that says who acted (Entry.ActorRef): it
	// is kept apart, and can be erased.
	Erasable bool
}
