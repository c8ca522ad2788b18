package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/sampling"
	"github.com/holdfast-dev/holdfast/internal/version"
)

// sampleOptions say which population, and how to draw.
type sampleOptions struct {
	src                   *sources
	kind, policy, control string
	at, from, to          string
	seed                  string
	n                     int
	keys, held            []string
	out                   string
}

func newSample(src *sources) *cobra.Command {
	o := sampleOptions{src: src}
	cmd := &cobra.Command{
		Use:   "sample",
		Short: "Draw a sample of a population, and write down what the ledger has on it",
		Long: `Draw a sample of a population that a checkpoint covers which you kept, and write
what the ledger has on each unit into a folder: its row in the manifest, the
entries with proofs that the checkpoint covers them, the evaluator's recorded
inputs, the query, and a certificate for your papers. Nothing is written to the
ledger.

Units are sorted by SHA-256(seed, population digest, unit id), and the first n
are taken: docs/sample.sh draws the same sample in a dozen lines of shell. The
seed is yours to choose, before you know the population. So is the size: there
is no default.

Populations:
  items        subjects of a control at a date (--at), by the manifest then
  days         subjects of a control in a period, for each UTC day
  occurrences  declared slots of collections in a period; with --control,
               those of the control's backups
  changes      edits of policies and schedules, and controls that came or went
  episodes     episodes of a control that overlap a period

The ledger is verified first, with --key and --held, as verify does.`,
		Example: `  kubectl holdfast sample ./ledger --control baseline/NET-1 --population items --at 2026-06-30 \
    --seed "JD 2026-07-14" --n 25 --held march.checkpoint --key "$(cat verifier.key)"`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, named(args)) },
	}
	kinds := make([]string, 0, len(sampling.Kinds()))
	for _, kind := range sampling.Kinds() {
		kinds = append(kinds, string(kind))
	}
	flags := cmd.Flags()
	flags.StringVar(&o.kind, "population", "", "what the units are: "+strings.Join(kinds, ", "))
	flags.StringVar(&o.policy, "policy", "", "the control's policy, where several state a control of that id")
	flags.StringVar(&o.control, "control", "", "the control, as ID or POLICY/ID")
	flags.StringVar(&o.at, "at", "", "date of items: a date such as 2026-03-01 or a time such as 2026-03-01T06:00:00Z (default: the newest collection)")
	flags.StringVar(&o.from, "from", "", "start of the period")
	flags.StringVar(&o.to, "to", "", "end of the period, which is excluded")
	flags.StringVar(&o.seed, "seed", "", "text that you chose, such as a date and initials")
	flags.IntVar(&o.n, "n", 0, "how many units to draw; there is no default")
	flags.StringArrayVar(&o.keys, "key", nil, "verifier key, kept outside the ledger; repeated for a ledger that changed its key")
	flags.StringArrayVar(&o.held, "held", nil, "file with a checkpoint that you kept; may be repeated")
	flags.StringVar(&o.out, "out", "", "folder to write, which must not exist (default: sample-POPULATION-DIGEST)")
	_ = cmd.RegisterFlagCompletionFunc("population", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *sampleOptions) run(cmd *cobra.Command, arg string) error {
	question, err := o.question()
	if err != nil {
		return err
	}
	held, err := o.kept()
	if err != nil {
		return err
	}
	src, err := o.src.open(cmd, arg)
	if err != nil {
		return err
	}
	defer src.done()
	p := startProgress(cmd.Context(), cmd.ErrOrStderr())
	defer p.end()
	p.at("verifying the ledger")
	covered, err := o.verify(cmd, src, held)
	if err != nil {
		return err
	}
	p.at("reading the population")
	population, err := sampling.Of(cmd.Context(), src.Reader, *question)
	if err != nil {
		return err
	}
	certificate, err := population.Draw(sampling.Draft{Seed: o.seed, N: o.n, Held: held, Keys: o.keys, Covered: covered, Tool: "kubectl-holdfast " + version.String()})
	if err != nil {
		return err
	}
	out := cmp.Or(o.out, fmt.Sprintf("sample-%s-%s", population.Kind, population.Digest[:8]))
	p.at("writing %s", out)
	if err := certificate.Write(cmd.Context(), src.Reader, out); err != nil {
		return err
	}
	p.end()
	_, err = io.WriteString(cmd.OutOrStdout(), certificate.Text()+"\nWritten to "+out+"\n")
	return err
}

// question checks what is asked for.
func (o *sampleOptions) question() (*sampling.Question, error) {
	q := &sampling.Question{Kind: sampling.Kind(o.kind), Policy: o.policy, Control: o.control}
	if o.kind == "" {
		return nil, fmt.Errorf("name what the units are, with --population: one of %v", sampling.Kinds())
	}
	var err error
	for _, moment := range []struct {
		flag, text string
		at         **ledger.Time
	}{{"at", o.at, &q.At}, {"from", o.from, &q.From}, {"to", o.to, &q.To}} {
		if *moment.at, err = parseMoment(moment.flag, moment.text); err != nil {
			return nil, err
		}
	}
	if err := q.Validate(); err != nil {
		return nil, err
	}
	return q, sampling.CheckDraw(o.seed, o.n)
}

// kept reads the checkpoints that the reader kept.
func (o *sampleOptions) kept() ([][]byte, error) {
	if len(o.held) == 0 {
		return nil, errors.New("name a checkpoint that you kept, with --held: what no checkpoint outside the ledger covers could have been made for you")
	}
	if len(o.keys) == 0 {
		return nil, errors.New("name the ledger's verifier key, with --key: the one that the ledger names itself proves nothing")
	}
	var held [][]byte
	for _, file := range o.held {
		note, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read a held checkpoint: %w", err)
		}
		held = append(held, note)
	}
	return held, nil
}

// verify verifies the ledger, and returns how many entries of which ledger the
// held checkpoints cover.
func (o *sampleOptions) verify(cmd *cobra.Command, src *openedLedger, held [][]byte) (map[string]uint64, error) {
	found, err := src.verify(cmd.Context(), ledger.VerifyOptions{Keys: o.keys, Held: held})
	if err != nil {
		return nil, fmt.Errorf("verify the ledger with --key and --held: %w", err)
	}
	switch {
	case len(found.Problems) > 0:
		return nil, fmt.Errorf("the ledger is not as it was written, so nothing is drawn from it: %s; verify names everything", found.Problems[0])
	case found.Status != ledger.VerifyValid:
		return nil, fmt.Errorf("the ledger cannot be verified, so nothing is drawn from it: %s", strings.Join(found.Missing, " "))
	}
	covered := map[string]uint64{}
	for i := range found.Ledgers {
		covered[found.Ledgers[i].LedgerID] = found.Ledgers[i].Held
	}
	return covered, nil
}
