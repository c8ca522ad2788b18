package sampling

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/transparency-dev/formats/proof"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"k8s.io/klog/v2"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/synthetic"
)

// dir is where the past is that all tests read.
var dir string

// TestMain silences Tessera, and has a place for the past.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	temp, err := os.MkdirTemp("", "sampling-*")
	if err != nil {
		panic(err)
	}
	dir = filepath.Join(temp, "ledger")
	status := m.Run()
	if err := os.RemoveAll(temp); err != nil {
		panic(err)
	}
	os.Exit(status)
}

// written writes the past, once.
var written = sync.OnceValues(func() (*synthetic.History, error) {
	return synthetic.Write(context.Background(), dir, synthetic.Options{
		Seed: 7, Duration: 5 * 24 * time.Hour, Heartbeat: time.Hour, Collections: 6 * time.Hour, SegmentSize: 200})
})

// past is a generated ledger, with what its auditor kept.
type past struct {
	*ledger.Reader
	*synthetic.History
}

func newPast(t *testing.T) past {
	t.Helper()
	history, err := written()
	if err != nil {
		t.Fatal(err)
	}
	r, err := ledger.NewReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	return past{r, history}
}

// covered is how many entries of which ledger what was kept covers.
func (p past) covered(t *testing.T) map[string]uint64 {
	t.Helper()
	report, err := ledger.Verify(t.Context(), dir, ledger.VerifyOptions{Keys: p.VerifierKeys, Held: p.Held})
	if err != nil || report.Status != ledger.VerifyValid {
		t.Fatalf("verify: %+v (%v)", report, err)
	}
	covered := map[string]uint64{}
	for _, l := range report.Ledgers {
		covered[l.LedgerID] = l.Held
	}
	return covered
}

// netControl is the control that samples are drawn of.
const netControl = "production-baseline/NET-1"

func day(n int) *ledger.Time {
	return new(ledger.At(time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC)))
}

// TestE24DrawingIsADozenLines: what is drawn is what the definition says, however
// large the population, in whatever order.
func TestE24DrawingIsADozenLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z/ é]{1,12}`), 0, 60, rapid.ID[string]).Draw(t, "units")
		seed := rapid.StringMatching(`[ -~]{1,20}`).Draw(t, "seed")
		n := rapid.IntRange(1, 70).Draw(t, "n")

		digest := ledger.PopulationDigest(units)
		sorted := slices.SortedFunc(slices.Values(units), func(a, b string) int {
			x, y := sha256.Sum256([]byte(seed+digest+a)), sha256.Sum256([]byte(seed+digest+b))
			return bytes.Compare(x[:], y[:])
		})
		want := sorted[:min(n, len(sorted))]

		ids := slices.Values(slices.Sorted(slices.Values(units)))
		gotDigest, size := digestOf(ids)
		got := []string{}
		for i, d := range draw(seed, gotDigest, ids, n) {
			if d.Rank != i+1 {
				t.Errorf("rank %d at %d", d.Rank, i)
			}
			got = append(got, d.Unit)
		}
		if gotDigest != digest || size != len(units) {
			t.Errorf("digest %s of %d, want %s of %d", gotDigest, size, digest, len(units))
		}
		if diff := cmp.Diff(want, got, cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
			t.Errorf("drawn (-want +got):\n%s", diff)
		}
	})
}

// TestE9Populations: the four populations, and items at a date, are what the
// record of the same period counts.
func TestE9Populations(t *testing.T) {
	p := newPast(t)
	record, err := report.Fold(t.Context(), p, report.Query{From: day(2), To: day(5), Controls: []string{netControl}})
	if err != nil {
		t.Fatal(err)
	}
	control := &record.Controls[0]
	slots := 0
	for _, s := range record.Slots {
		slots += s.Expected - s.Pending
	}
	sizes := map[Kind]int{}
	for _, kind := range Kinds() {
		q := about(kind)
		if kind == Items {
			q.At = day(4)
		}
		got, err := Of(t.Context(), p, q)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		ids := slices.Collect(got.ids)
		if !slices.IsSorted(ids) || got.Digest != ledger.PopulationDigest(ids) || got.Size != len(ids) {
			t.Errorf("%s: %d ids, size %d, digest %s", kind, len(ids), got.Size, got.Digest)
		}
		sizes[kind] = got.Size
	}
	var items *ledger.ManifestControl
	if at, err := Of(t.Context(), p, Question{Kind: Items, Control: netControl, At: day(4)}); err != nil {
		t.Error(err)
	} else {
		data, err := p.Object(at.Collection.LedgerID, at.Collection.Digest)
		if err != nil {
			t.Fatal(err)
		}
		var m ledger.Manifest
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		for i := range m.Policies {
			if m.Policies[i].Name == "production-baseline" {
				items = &m.Policies[i].Controls[0]
			}
		}
		if m.Slot.After(day(4).Time) || m.Slot.Before(day(3).Time) || items.Population != at.Digest {
			t.Errorf("the manifest of %s states the population %s, got %s", m.Slot, items.Population, at.Digest)
		}
	}
	want := map[Kind]int{Items: items.Census.InScope(), Days: control.Census.Days, Occurrences: slots,
		Changes: len(record.Changes), Episodes: control.Counts.Episodes}
	if diff := cmp.Diff(want, sizes); diff != "" {
		t.Errorf("sizes (-record +population):\n%s", diff)
	}
}

// TestE26DrawnUnitsComeWithProofs: each entry of a drawn unit is a leaf of the
// tree of a checkpoint, by a proof that any tool reads; inputs are what their
// digests say; nothing is left where the sample exists already.
func TestE26DrawnUnitsComeWithProofs(t *testing.T) {
	p := newPast(t)
	covered := p.covered(t)
	for _, kind := range Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			q := about(kind)
			population, err := Of(t.Context(), p, q)
			if err != nil {
				t.Fatal(err)
			}
			c, err := population.Draw(Draft{Seed: "auditor 2026", N: 5, Held: p.Held, Keys: p.VerifierKeys, Covered: covered, Tool: "test"})
			if err != nil {
				t.Fatal(err)
			}
			sample := filepath.Join(t.TempDir(), "sample")
			if err := c.Write(t.Context(), p, sample); err != nil {
				t.Fatal(err)
			}
			var read Certificate
			readJSON(t, filepath.Join(sample, "certificate.json"), &read)
			if len(read.Drawn) != min(5, population.Size) || read.Population.Digest != population.Digest || read.N != 5 {
				t.Errorf("got %+v", read)
			}
			ids, err := os.ReadFile(filepath.Join(sample, "population.txt"))
			if err != nil || ledger.Digest(ids) != population.Digest {
				t.Errorf("population.txt has the digest %s, want %s (%v)", ledger.Digest(ids), population.Digest, err)
			}
			for _, d := range read.Drawn {
				p.checkUnit(t, filepath.Join(sample, "units", fmt.Sprintf("%03d", d.Rank)), d)
			}
			if err := c.Write(t.Context(), p, sample); err == nil || !strings.Contains(err.Error(), "exists") {
				t.Errorf("a second sample in the same folder: %v", err)
			}
		})
	}
}

func (p past) checkUnit(t *testing.T, dir string, d Drawn) {
	t.Helper()
	var u unitFile
	readJSON(t, filepath.Join(dir, "unit.json"), &u)
	if u.Drawn != d || len(u.Entries) == 0 {
		t.Errorf("unit %+v, want %+v", u, d)
	}
	for _, e := range u.Entries {
		leaf, err := os.ReadFile(filepath.Join(dir, e.File))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Proof))
		if err != nil {
			t.Fatal(err)
		}
		checkProof(t, p.VerifierKeys[0], leaf, raw)
	}
	for _, in := range u.Inputs {
		data, err := os.ReadFile(filepath.Join(dir, in.File))
		if err != nil || ledger.Digest(data) != in.Digest {
			t.Errorf("input %s: %s, want %s (%v)", in.Role, ledger.Digest(data), in.Digest, err)
		}
	}
}

// checkProof verifies a proof as anybody may who has the key.
func checkProof(t *testing.T, vkey string, leaf, raw []byte) {
	t.Helper()
	var p proof.TLogProof
	if err := p.Unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	key, err := tlog.PublicKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	origin, err := tlog.ParseOriginOf(p.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	cp, err := tlog.OpenCheckpoint(p.Checkpoint, origin, key)
	if err != nil {
		t.Fatal(err)
	}
	hashes := [][]byte{}
	for _, h := range p.Hashes {
		hashes = append(hashes, h[:])
	}
	if err := merkle.VerifyInclusion(rfc6962.DefaultHasher, p.Index, cp.Size, rfc6962.DefaultHasher.HashLeaf(leaf), hashes, cp.Root); err != nil {
		t.Errorf("leaf %d of %s: %v", p.Index, origin, err)
	}
}

// about asks for a population of some days, or of the newest collection. The control
// has no occurrences of its own: those are of collections.
func about(kind Kind) Question {
	switch kind {
	case Items:
		return Question{Kind: kind, Control: netControl}
	case Occurrences:
		return Question{Kind: kind, From: day(2), To: day(5)}
	default:
		return Question{Kind: kind, Control: netControl, From: day(2), To: day(5)}
	}
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// TestE25WhatIsNotCoveredIsRefused: a population that a held checkpoint does not
// cover to its last entry is no population.
func TestE25WhatIsNotCoveredIsRefused(t *testing.T) {
	p := newPast(t)
	for _, kind := range Kinds() {
		q := about(kind)
		population, err := Of(t.Context(), p, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(population.Rests) != 1 {
			t.Fatalf("%s rests on %v", kind, population.Rests)
		}
		for id, rests := range population.Rests {
			if all, err := p.Reader.Entries(id); err != nil || (kind != Items && rests >= all) {
				t.Errorf("%s of a time that is past rests on %d of %d entries (%v)", kind, rests, all, err)
			}
		}
		d := Draft{Seed: "s", N: 1, Covered: population.Rests}
		if _, err := population.Draw(d); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		d.Covered = maps.Clone(population.Rests)
		for id := range d.Covered {
			d.Covered[id]--
		}
		if _, err := population.Draw(d); err == nil || !strings.Contains(err.Error(), "hold a newer checkpoint") {
			t.Errorf("%s: one entry is missing, and it is drawn (%v)", kind, err)
		}
	}
}

// TestE27ThereIsNoDefaultSize, and other drafts that nothing is drawn by.
func TestE27ThereIsNoDefaultSize(t *testing.T) {
	p := &Population{ids: slices.Values([]string{"a"})}
	for want, d := range map[string]Draft{
		"there is no default size": {Seed: "s"},
		"needs a seed":             {N: 1},
		"at most 256 are allowed":  {Seed: strings.Repeat("x", 257), N: 1},
		"that cannot be printed":   {Seed: "a\nb", N: 1},
	} {
		if _, err := p.Draw(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	p := newPast(t)
	for want, q := range map[string]Question{
		`population "all": want one of`:                     {Kind: "all"},
		"give that, and no period":                          {Kind: Items, Control: "NET-1", From: day(1)},
		"give its start and its end":                        {Kind: Days, Control: "NET-1", From: day(1)},
		"which is not after its start":                      {Kind: Days, Control: "NET-1", From: day(2), To: day(2)},
		"items are those of a control":                      {Kind: Items},
		`"a/NET-1" is of another policy`:                    {Kind: Items, Policy: "b", Control: "a/NET-1"},
		`there is no control "NET-9" then; there is`:        {Kind: Items, Control: "NET-9"},
		`the control "NET-1" is stated by several policies`: {Kind: Items, Control: "NET-1"},
		"no collection was made at or before":               {Kind: Items, Control: "NET-1", At: new(ledger.At(time.Unix(1, 0)))},
		"declares no backups, and so has no occurrences":    {Kind: Occurrences, Control: netControl, From: day(1), To: day(2)},
		`knows no control "NET-9"`:                          {Kind: Episodes, Control: "NET-9", From: day(1), To: day(2)},
	} {
		if _, err := Of(context.Background(), p, q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestE10AnEmptyPopulationIsNoOccurrence.
func TestE10AnEmptyPopulationIsNoOccurrence(t *testing.T) {
	p := newPast(t)
	population, err := Of(t.Context(), p, Question{Kind: Changes, Policy: "none", From: day(1), To: day(2)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := population.Draw(Draft{Seed: "s", N: 3, Covered: p.covered(t)})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Drawn) != 0 || !strings.Contains(c.Text(), "There was no occurrence") {
		t.Errorf("got %s", c.Text())
	}
}
