package main

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func newVerify(src *sources) *cobra.Command {
	var known trust
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check every byte of a ledger, and a bundle's record",
		Long: `Check every file of a ledger against what its entries imply, the entries against
the checkpoints, the populations that collections read against the entries, and
the record in a bundle against the one that the entries give. It writes nothing
to the ledger, which may be in use.

The verifier key, and the checkpoints or the keys of anchors, have to come from
elsewhere than the ledger: one that was forged as a whole brings its own.

Exit status: 0 valid, 1 invalid, 2 incomplete (nothing is wrong, but something
is missing to say more), 3 where the ledger could not be checked.`,
		Example: `  kubectl holdfast verify bundle.tar.zst --key "$(cat verifier.key)" --held march.checkpoint
  kubectl holdfast verify ./ledger --key "$(cat verifier.key)" --witness-key "$(cat witness.key)"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := known.options()
			if err != nil {
				return err
			}
			return verify(cmd, src, named(args), opts)
		},
	}
	known.bind(cmd)
	return cmd
}

func verify(cmd *cobra.Command, src *sources, arg string, opts ledger.VerifyOptions) error {
	opened, err := src.open(cmd, arg)
	if err != nil {
		return err
	}
	defer opened.done()
	p := startProgress(cmd.Context(), cmd.ErrOrStderr())
	opts.Progress = func(done, total uint64) { p.at("verifying %d of %d entries", done, total) }
	report, err := opened.verify(cmd.Context(), opts)
	p.end()
	if err != nil {
		return err
	}
	if err := printReport(cmd.OutOrStdout(), report); err != nil {
		return err
	}
	switch report.Status {
	case ledger.VerifyValid:
		return nil
	case ledger.VerifyIncomplete:
		return statusError(statusIncomplete)
	default:
		return statusError(statusInvalid)
	}
}

// printReport prints what was checked, what was found, and the conclusion last.
func printReport(w io.Writer, r *ledger.VerifyReport) error {
	var out strings.Builder
	for i := range r.Ledgers {
		printLedger(&out, &r.Ledgers[i])
	}
	fmt.Fprintf(&out, "%s compared\n", count(uint64(r.Files), "file"))
	printProblems(&out, "Problem", r.Problems)
	printProblems(&out, "Declared by a later ledger", r.Declared)
	for _, sentence := range r.Missing {
		fmt.Fprintf(&out, "Missing: %s\n", sentence)
	}
	for _, sentence := range r.Notes {
		fmt.Fprintf(&out, "Note: %s\n", sentence)
	}
	fmt.Fprintf(&out, "%s: %s\n", r.Status, conclusion(r))
	_, err := io.WriteString(w, out.String())
	return err
}

func printLedger(out *strings.Builder, l *ledger.VerifiedLedger) {
	place := "ended"
	if l.Current {
		place = "current"
	}
	fmt.Fprintf(out, "Ledger %s (%s, %s)\n", l.LedgerID, l.Reason, place)
	if l.Predecessor != nil {
		fmt.Fprintf(out, "  continues   ledger %s: %s\n", l.Predecessor.LedgerID, l.Predecessor.Lost)
	}
	fmt.Fprintf(out, "  entries     %d in %s\n", l.Entries, count(l.Segments, "segment"))
	fmt.Fprintf(out, "  checkpoint  covers %d, a held checkpoint %d\n", l.Published, l.Held)
	fmt.Fprintf(out, "  journal     %s not in the log yet\n", count(l.Pending, "entry"))
	fmt.Fprintf(out, "  objects     %d, snapshots %d\n", l.Objects, l.Snapshots)
	printEvidence(out, l)
	kinds := make([]ledger.Kind, 0, len(l.UnknownKinds))
	for kind := range l.UnknownKinds {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		fmt.Fprintf(out, "  unknown     %s of kind %s\n", count(uint64(l.UnknownKinds[kind]), "entry"), kind)
	}
}

// printEvidence prints what there is of evidence.
func printEvidence(out *strings.Builder, l *ledger.VerifiedLedger) {
	if l.First > 0 {
		fmt.Fprintf(out, "  pruned      the first %s, as entries say\n", count(l.First, "entry"))
	}
	if l.Manifests > 0 {
		fmt.Fprintf(out, "  manifests   %d agree with the entries, or are named below\n", l.Manifests)
	}
	if l.Receipts > 0 {
		fmt.Fprintf(out, "  receipts    %d, of which %d by anchors that you trust; they cover %s\n", l.Receipts, l.Trusted, count(l.Anchored, "entry"))
	}
	if l.Erased > 0 {
		fmt.Fprintf(out, "  erased      %s, as entries say\n", count(l.Erased, "object"))
	}
}

// printProblems prints each problem once: a log keeps many states of its newest
// files side by side, and one altered entry shows in all of them.
func printProblems(out *strings.Builder, title string, problems []ledger.Problem) {
	type place struct{ dir, what string }
	others := map[place]int{}
	at := func(p ledger.Problem) place {
		where := p.What
		if p.Entry != nil {
			where = fmt.Sprintf("%d %s", *p.Entry, p.What)
		}
		return place{path.Dir(p.File), where}
	}
	for _, p := range problems {
		others[at(p)]++
	}
	for _, p := range problems {
		n := others[at(p)]
		delete(others, at(p))
		switch n {
		case 0:
		case 1:
			fmt.Fprintf(out, "%s: %s\n", title, p)
		default:
			fmt.Fprintf(out, "%s: %s (so in %d files beside each other)\n", title, p, n)
		}
	}
}

// conclusion says in one sentence what the status means.
func conclusion(r *ledger.VerifyReport) string {
	switch r.Status {
	case ledger.VerifyInvalid:
		return fmt.Sprintf("the ledger is not as it was written: %s.", count(uint64(len(r.Problems)), "problem"))
	case ledger.VerifyIncomplete:
		return "nothing was found to be altered, as far as it can be told without what is missing."
	default:
		return validConclusion(r)
	}
}

// validConclusion says how far outside evidence reaches: to the newest held or
// anchored checkpoint of the current ledger. Beyond it there is only the key.
func validConclusion(r *ledger.VerifyReport) string {
	i := slices.IndexFunc(r.Ledgers, func(l ledger.VerifiedLedger) bool { return l.Current })
	if i < 0 {
		return "every file is as it was written."
	}
	l := &r.Ledgers[i]
	bound, by := l.Held, "that the held checkpoint covers"
	if l.Anchored > bound {
		bound, by = l.Anchored, "that an anchor you trust acknowledged by "+l.AnchoredAt.UTC().Format(time.RFC3339)
	}
	sentence := fmt.Sprintf("the first %s of the current ledger are those %s.", count(bound, "entry"), by)
	covered := max(l.Published, bound)
	if signed, rest := covered-bound, l.Entries+l.Pending-covered; signed+rest > 0 {
		sentence += fmt.Sprintf(" Beyond it: %s that only the signing key vouches for, %d not signed yet.", count(signed, "entry"), rest)
	}
	return sentence
}

// count is a number of things, in English.
func count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
