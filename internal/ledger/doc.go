// Package ledger keeps what Holdfast observes and does.
//
// A Recorder turns observations (Draft) into entries (Entry), each of which
// follows from what is Known, and hands them to a Log. The Log makes them
// durable in its journal at once, and carries them into a Merkle log behind
// it. Open decides whether the ledger on a volume may go on; Read, Ledgers and
// Verify need nothing but the directory. docs/ledger.md describes the format.
package ledger
