// Package bundle packs a ledger and its record into one file for an auditor, and
// reads such files, which may come from anybody.
//
// A bundle is a tar file, compressed with zstd:
//
//	README.txt      how to verify it
//	bundle.json     the index: what it holds, every file with its digest
//	record/         the record of the period, as JSON and as a page
//	volume/         the ledger's chain, as on its volume
//
// The same ledger and options give the same bytes.
package bundle

import (
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// Schema is the schema of the index.
const Schema = "holdfast.dev/bundle/v1"

// The names in a bundle.
const (
	indexFile  = "bundle.json"
	readmeFile = "README.txt"
	volumeDir  = "volume"
	recordDir  = "record"
)

// Index says what a bundle holds. Nobody signs it: whatever it says is compared
// with what is there.
type Index struct {
	Schema string `json:"schema"`
	// Version is that of the program that wrote it.
	Version string `json:"version"`
	// Ledgers are those of the chain, oldest first, each up to its newest checkpoint.
	Ledgers []ledger.ExportedLedger `json:"ledgers"`
	// Record is the record in the bundle, if there is one.
	Record *Record `json:"record,omitempty"`
	// LeftOut are objects that entries name and that the bundle does not hold, as
	// class/digest; Why says why, in one sentence each.
	LeftOut []string `json:"leftOut"`
	Why     []string `json:"why"`
	// Receipts are the receipts of anchors, in the order of their entries.
	Receipts []Receipt `json:"receipts"`
	// Files are all files but the index, sorted by path.
	Files []File `json:"files"`
}

// Record is the record in a bundle.
type Record struct {
	Query  report.Query `json:"query"`
	Status string       `json:"status"`
	// JSON and HTML are the paths of its two forms; HTML may be empty.
	JSON string `json:"json"`
	HTML string `json:"html,omitempty"`
}

// Receipt is a receipt in a bundle.
type Receipt struct {
	LedgerID string `json:"ledgerID"`
	Seq      uint64 `json:"seq"`
	ledger.AnchorBody
}

// File is a file of a bundle.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}
