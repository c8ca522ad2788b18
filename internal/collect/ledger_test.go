package collect_test

import (
	"encoding/json"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// entries are the entries of some kinds that are in the log so far, with all that
// is recorded among them.
func (w *world) entries(kinds ...ledger.Kind) []*ledger.Entry {
	w.tb.Helper()
	reader, err := ledger.NewReader(w.dir)
	if err != nil {
		w.tb.Fatal(err)
	}
	current, err := reader.Current()
	if err != nil {
		w.tb.Fatal(err)
	}
	var next uint64
	w.recorder.View(func(k *ledger.Known) { next = k.NextSeq })
	w.eventually("the log to have all entries", func() bool {
		total, err := reader.Entries(current.LedgerID)
		return err == nil && total >= next
	})
	var entries []*ledger.Entry
	err = reader.Read(w.tb.Context(), ledger.ReadOptions{LedgerID: current.LedgerID}, func(_ uint64, data []byte) error {
		e, err := ledger.Decode(data)
		if err == nil && (len(kinds) == 0 || slices.Contains(kinds, e.Kind)) {
			entries = append(entries, e)
		}
		return err
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	return entries
}

// verified checks that the ledger, and every manifest in it, is found to be right.
func (w *world) verified() {
	w.tb.Helper()
	w.entries() // all are in the log
	report, err := ledger.Verify(w.tb.Context(), w.dir, ledger.VerifyOptions{})
	if err != nil {
		w.tb.Fatal(err)
	}
	for _, p := range report.Problems {
		w.tb.Errorf("the ledger does not verify: %s", p)
	}
	if n := report.Ledgers[0].Manifests; n == 0 {
		w.tb.Error("no manifest was verified")
	}
}

// object reads an object of the ledger.
func (w *world) object(digest string, into any) {
	w.tb.Helper()
	reader, err := ledger.NewReader(w.dir)
	if err != nil {
		w.tb.Fatal(err)
	}
	current, err := reader.Current()
	if err != nil {
		w.tb.Fatal(err)
	}
	data, err := reader.Object(current.LedgerID, digest)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		w.tb.Fatal(err)
	}
}

// scopes reads the scopes of a manifest.
func (w *world) scopes(m *ledger.Manifest) []ledger.ManifestScope {
	w.tb.Helper()
	var scopes []ledger.ManifestScope
	for _, ref := range m.Chunks {
		var chunk ledger.ManifestChunk
		w.object(ref.Digest, &chunk)
		if len(chunk.Scopes) != ref.Scopes || ledger.ScopeOf(chunk.Scopes[0].Subject) != ref.First || ledger.ScopeOf(chunk.Scopes[ref.Scopes-1].Subject) != ref.Last {
			w.tb.Errorf("chunk %+v holds %d scopes", ref, len(chunk.Scopes))
		}
		scopes = append(scopes, chunk.Scopes...)
	}
	return scopes
}

// unitOf is the unit of a namespace in a manifest.
func (w *world) unitOf(m *ledger.Manifest, namespace string) *ledger.ManifestUnit {
	w.tb.Helper()
	for _, s := range w.scopes(m) {
		if s.Subject.Name == namespace && len(s.Units) == 1 {
			return &s.Units[0]
		}
	}
	w.tb.Fatalf("the manifest has no unit of %s", namespace)
	return nil
}

// assembled is the snapshot that a scope's inputs make.
func (w *world) assembled(s *ledger.ManifestScope) *control.Snapshot {
	w.tb.Helper()
	fields := map[string]json.RawMessage{}
	for _, in := range s.Inputs {
		var part json.RawMessage
		w.object(in.Digest, &part)
		fields[in.Role] = part
	}
	whole, err := json.Marshal(fields)
	snapshot := &control.Snapshot{}
	if err == nil {
		err = json.Unmarshal(whole, snapshot)
	}
	if err != nil {
		w.tb.Fatal(err)
	}
	return snapshot
}
