package sampling

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/formats/proof"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// Source is a ledger that proves its entries, too: *ledger.Reader.
type Source interface {
	report.Source
	Segment(ledgerID string, seq uint64) (origin string, index uint64, err error)
	SegmentCheckpoint(ledgerID string, seq uint64) ([]byte, error)
	Inclusion(ctx context.Context, ledgerID string, seq, size uint64) (*ledger.Inclusion, error)
}

// Write writes a sample into a folder that does not exist yet: the certificate,
// the population, the query, and what the ledger has on each drawn unit. The
// folder appears when it is complete.
func (c *Certificate) Write(ctx context.Context, src Source, dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s exists: name a folder that does not", dir)
	}
	limit := c.Covered
	if c.Population.Kind == Items {
		limit = c.Population.Rests // as it was then
	}
	found, err := gather(ctx, src, &c.Population, c.Drawn, limit)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dir)), "."+filepath.Base(dir)+".*")
	if err != nil {
		return fmt.Errorf("write the sample: %w", err)
	}
	w := &folder{ctx: ctx, src: src, certificate: c, dir: temp}
	if err := w.write(found); err != nil {
		return errors.Join(fmt.Errorf("write the sample: %w", err), os.RemoveAll(temp))
	}
	if err := os.Rename(temp, dir); err != nil {
		return errors.Join(fmt.Errorf("write the sample: %w", err), os.RemoveAll(temp))
	}
	return nil
}

// folder is a sample that is being written.
type folder struct {
	ctx         context.Context //nolint:containedctx // lives as long as one call
	src         Source
	certificate *Certificate
	dir         string
}

func (w *folder) write(found []*evidence) error {
	if err := os.Chmod(w.dir, 0o755); err != nil { //nolint:gosec // the sample is for others to read
		return err
	}
	p := &w.certificate.Population
	if err := w.json("certificate.json", w.certificate); err != nil {
		return err
	}
	if err := w.file("certificate.txt", []byte(w.certificate.Text())); err != nil {
		return err
	}
	if err := w.population(p); err != nil {
		return err
	}
	err := w.json("query.json", struct {
		Question
		Lists []ledger.ManifestList `json:"lists,omitempty"`
	}{p.Question, p.Lists})
	if err != nil {
		return err
	}
	for i, e := range found {
		if err := w.unit(&w.certificate.Drawn[i], e); err != nil {
			return fmt.Errorf("unit %d: %w", i+1, err)
		}
	}
	return nil
}

// population writes the ids of all units, one per line.
func (w *folder) population(p *Population) (err error) {
	file, err := os.Create(filepath.Join(w.dir, "population.txt"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriter(file)
	for id := range p.ids {
		if _, err := out.WriteString(id + "\n"); err != nil {
			return err
		}
	}
	return out.Flush()
}

// unitFile is what is said of a drawn unit.
type unitFile struct {
	Drawn
	// Row is the unit's row in the manifest, Scope how its namespace stands.
	Row     *ledger.ManifestUnit      `json:"row,omitempty"`
	Subject *control.Subject          `json:"subject,omitempty"`
	Scope   []ledger.ManifestStanding `json:"scope,omitempty"`
	Entries []entryFile               `json:"entries"`
	Inputs  []inputFile               `json:"inputs"`
}

// entryFile names the files of an entry: as it is stored, which is a leaf of the
// Merkle tree, and the proof of that, in the form of C2SP tlog-proof.
type entryFile struct {
	LedgerID string      `json:"ledgerID"`
	Seq      uint64      `json:"seq"`
	Kind     ledger.Kind `json:"kind"`
	File     string      `json:"file"`
	Proof    string      `json:"proof"`
}

// inputFile names the file of an evaluator's recorded input.
type inputFile struct {
	ledger.Input
	File string `json:"file,omitempty"`
	// Missing says why there is no file.
	Missing string `json:"missing,omitempty"`
}

func (w *folder) unit(d *Drawn, e *evidence) error {
	name := filepath.Join("units", fmt.Sprintf("%03d", d.Rank))
	for _, sub := range []string{"entries", "inputs"} {
		if err := os.MkdirAll(filepath.Join(w.dir, name, sub), 0o755); err != nil { //nolint:gosec // for others to read
			return err
		}
	}
	u := unitFile{Drawn: *d, Subject: e.subject, Entries: []entryFile{}, Inputs: []inputFile{}}
	if e.row != nil {
		u.Row, u.Subject, u.Scope = e.row.Unit, &e.row.Subject, e.row.Scope.Standings
	}
	for _, s := range e.entries {
		f, err := w.entry(name, s)
		if err != nil {
			return err
		}
		u.Entries = append(u.Entries, *f)
	}
	for _, in := range e.allInputs() {
		f := inputFile{Input: in.Input}
		if data, err := w.src.Object(in.ledgerID, in.Digest); err != nil {
			f.Missing = err.Error()
		} else {
			f.File = filepath.Join("inputs", fileName(in.Role)+"-"+in.Digest[:16]+".json")
			if err := w.file(filepath.Join(name, f.File), data); err != nil {
				return err
			}
		}
		u.Inputs = append(u.Inputs, f)
	}
	return w.json(filepath.Join(name, "unit.json"), u)
}

// fileName is what of a role may stand in the name of a file.
func fileName(role string) string {
	return strings.Map(func(r rune) rune {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return -1
		}
		return r
	}, role)
}

// entry writes an entry, and the proof that a checkpoint covers it.
func (w *folder) entry(name string, s stated) (*entryFile, error) {
	base := filepath.Join("entries", fmt.Sprintf("%s-%d", s.ledgerID[:8], s.entry.Seq))
	f := &entryFile{LedgerID: s.ledgerID, Seq: s.entry.Seq, Kind: s.entry.Kind, File: base + ".json", Proof: base + ".tlog-proof"}
	proof, err := w.proof(s)
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", s.entry.Seq, err)
	}
	return f, errors.Join(w.file(filepath.Join(name, f.File), s.data), w.file(filepath.Join(name, f.Proof), proof))
}

// proof leads to a held checkpoint of the entry's segment, or, of a segment that
// is closed, to its last checkpoint, which the held one binds.
func (w *folder) proof(s stated) ([]byte, error) {
	origin, index, err := w.src.Segment(s.ledgerID, s.entry.Seq)
	if err != nil {
		return nil, err
	}
	checkpoint, err := w.src.SegmentCheckpoint(s.ledgerID, s.entry.Seq)
	if err != nil {
		return nil, err
	}
	for _, held := range w.certificate.Checkpoints {
		of, err := tlog.ParseOriginOf([]byte(held))
		size, sizeErr := tlog.SizeOf([]byte(held))
		if err == nil && sizeErr == nil && of == origin && size > index {
			checkpoint = []byte(held)
		}
	}
	size, err := tlog.SizeOf(checkpoint)
	if err != nil {
		return nil, err
	}
	inclusion, err := w.src.Inclusion(w.ctx, s.ledgerID, s.entry.Seq, size)
	if err != nil {
		return nil, err
	}
	p := proof.TLogProof{Index: index, Checkpoint: checkpoint}
	for _, hash := range inclusion.Hashes {
		p.Hashes = append(p.Hashes, [32]byte(hash))
	}
	return p.Marshal(), nil
}

func (w *folder) json(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return w.file(name, append(data, '\n'))
}

func (w *folder) file(name string, data []byte) error {
	return os.WriteFile(filepath.Join(w.dir, name), data, 0o644) //nolint:gosec // the sample is for others to read
}
