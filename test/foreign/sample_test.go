package foreign

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/sampling"
	"github.com/holdfast-dev/holdfast/internal/synthetic"
)

// TestE24AScriptDrawsTheSameSample: docs/sample.sh, which knows nothing of
// Holdfast, draws what Holdfast drew, of what that wrote down.
func TestE24AScriptDrawsTheSameSample(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	if _, err := synthetic.Write(t.Context(), dir, synthetic.Options{Seed: 5, Duration: 72 * time.Hour, Heartbeat: 6 * time.Hour, Collections: 2 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	src, err := ledger.NewReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	from, to := ledger.At(start.AddDate(-1, 0, 0)), ledger.At(start)
	for _, q := range []sampling.Question{
		{Kind: sampling.Items, Control: "production-baseline/NET-1"},
		{Kind: sampling.Occurrences, From: &from, To: &to},
	} {
		population, err := sampling.Of(t.Context(), src, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 7, 1000} {
			// A seed that a shell, or printf, would like to read for itself.
			seed := `JD "2026" $HOME %s \n é`
			certificate, err := population.Draw(sampling.Draft{Seed: seed, N: n, Covered: population.Rests})
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "sample")
			if err := certificate.Write(t.Context(), src, out); err != nil {
				t.Fatal(err)
			}
			want := drawnIn(t, out)
			if len(want) != min(n, population.Size) || population.Size < 10 {
				t.Fatalf("%d of %d were drawn", len(want), population.Size)
			}
			got, digest := script(t, seed, n, filepath.Join(out, "population.txt"))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d %s (-Holdfast +script):\n%s", n, q.Kind, diff)
			}
			if !strings.Contains(digest, population.Digest) {
				t.Errorf("the script says %q, want the digest %s", digest, population.Digest)
			}
		}
	}
}

// drawnIn are the units that a certificate names.
func drawnIn(t *testing.T, dir string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "certificate.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c sampling.Certificate
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	units := []string{}
	for _, d := range c.Drawn {
		units = append(units, d.Unit)
	}
	return units
}

// script draws a sample with docs/sample.sh.
func script(t *testing.T, seed string, n int, population string) (units []string, said string) {
	t.Helper()
	input, err := os.Open(population)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = input.Close() }()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", filepath.Join("..", "..", "docs", "sample.sh"), seed, strconv.Itoa(n))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("sample.sh: %v\n%s", err, errs.String())
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), errs.String()
}
