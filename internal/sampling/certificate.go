package sampling

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// CertificateSchema is the schema of a Certificate in JSON.
const CertificateSchema = "holdfast.dev/sample-certificate/v1"

// Draft is what a sample is drawn by.
type Draft struct {
	// Seed is a text that the sample's reader chose, N how many units to draw.
	Seed string
	N    int
	// Held are the checkpoints that the reader kept, signed notes, and Keys the
	// verifier keys by which they were verified.
	Held [][]byte
	Keys []string
	// Covered says, by ledger, how many of its first entries those checkpoints cover.
	Covered map[string]uint64
	// Tool is the program, with its version.
	Tool string
}

// Certificate says how a sample was drawn: it is for the papers of whoever asked
// for it. The ledger knows nothing of it.
type Certificate struct {
	Schema string `json:"schema"`
	// Version names the way in which it was drawn.
	Version    string     `json:"version"`
	Tool       string     `json:"tool"`
	Population Population `json:"population"`
	// Checkpoints are the held checkpoints that cover the population, Keys the
	// verifier keys, Covered the numbers of entries that they cover.
	Checkpoints []string          `json:"checkpoints"`
	Keys        []string          `json:"keys"`
	Covered     map[string]uint64 `json:"covered"`
	Seed        string            `json:"seed"`
	N           int               `json:"n"`
	Drawn       []Drawn           `json:"drawn"`
}

// Draw draws a sample of a population that the held checkpoints cover.
func (p *Population) Draw(d Draft) (*Certificate, error) {
	if err := CheckDraw(d.Seed, d.N); err != nil {
		return nil, err
	}
	for _, ledgerID := range slices.Sorted(maps.Keys(p.Rests)) {
		if rests, covered := p.Rests[ledgerID], d.Covered[ledgerID]; rests > covered {
			return nil, fmt.Errorf("the population rests on the first %d entries of the ledger %s, of which the held checkpoint covers %d: "+
				"ask for an earlier date, or hold a newer checkpoint", rests, ledgerID, covered)
		}
	}
	c := &Certificate{
		Schema: CertificateSchema, Version: Version, Tool: d.Tool, Population: *p,
		Checkpoints: []string{}, Keys: d.Keys, Covered: d.Covered, Seed: d.Seed, N: d.N,
		Drawn: draw(d.Seed, p.Digest, p.ids, d.N),
	}
	for _, note := range d.Held {
		c.Checkpoints = append(c.Checkpoints, string(note))
	}
	return c, nil
}

// Text is the certificate for people.
func (c *Certificate) Text() string {
	var out strings.Builder
	p := &c.Population
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&out, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	out.WriteString("Sample certificate\n\n")
	line("Population", "%s", c.title())
	line("Size", "%d", p.Size)
	line("Digest", "sha256:%s", p.Digest)
	if p.Collection != nil {
		line("Manifest", "sha256:%s, of the slot %s, entry %d of the ledger %s", p.Collection.Digest, p.Collection.Slot.UTC().Format(time.RFC3339), p.Collection.Seq, p.Collection.LedgerID)
	}
	for _, ledgerID := range slices.Sorted(maps.Keys(p.Rests)) {
		line("Rests on", "the first %d entries of the ledger %s; the held checkpoint covers %d", p.Rests[ledgerID], ledgerID, c.Covered[ledgerID])
	}
	line("Seed", "%s", c.Seed)
	line("Asked for", "%d", c.N)
	line("Drawn", "%d", len(c.Drawn))
	line("Method", "%s: units sorted by SHA-256(seed, population digest, unit id), the first n", c.Version)
	line("Tool", "%s", c.Tool)
	switch {
	case p.Size == 0:
		out.WriteString("\nThere was no occurrence: the population is empty.\n")
	case p.Size <= c.N:
		out.WriteString("\nThe population is not larger than what was asked for: all of it was drawn.\n")
	}
	if len(c.Drawn) > 0 {
		out.WriteString("\n")
	}
	for _, d := range c.Drawn {
		fmt.Fprintf(&out, "%4d  %s  %s\n", d.Rank, d.Hash[:16], d.Unit)
	}
	out.WriteString("\nTo draw it again, with other code: sh sample.sh SEED N < population.txt\n")
	for _, note := range c.Checkpoints {
		fmt.Fprintf(&out, "\nHeld checkpoint:\n\n%s", note)
	}
	return out.String()
}

// title says in words what the population is.
func (c *Certificate) title() string {
	p := &c.Population
	of := strings.Trim(p.Policy+"/"+p.Control, "/")
	if of != "" {
		of = " of " + of
	}
	if p.Kind == Items {
		return string(p.Kind) + of
	}
	return fmt.Sprintf("%s%s in [%s, %s)", p.Kind, of, p.From.UTC().Format(time.RFC3339), p.To.UTC().Format(time.RFC3339))
}
