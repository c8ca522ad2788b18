// Package sentinel is what runs in the pod of a sentinel, whose volume is backed up
// and restored: it fills the volume once, says what is in it, and waits.
//
// The pod that Holdfast makes and the one that a backup brings back are the same: so
// what finds the data that it wrote says so and writes nothing, and what finds a
// volume that is empty, or has an older generation of the data, writes other random
// data, which is then not what is looked for.
package sentinel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

// Command is the argument of the program by which it is a sentinel.
const Command = "sentinel"

// TerminationLog is where a container leaves its last words to the kubelet.
const TerminationLog = "/dev/termination-log"

// Run is a sentinel, with the arguments after Command.
func Run(args []string) error {
	var dir, generation, report string
	var hold bool
	flags := flag.NewFlagSet(Command, flag.ContinueOnError)
	flags.StringVar(&dir, "dir", "", "Directory of the volume that is filled with random data, unless it is.")
	flags.StringVar(&generation, "generation", "", "Name of the data: of another name, it is written anew.")
	flags.StringVar(&report, "report", TerminationLog, "File into which is written what is in the volume.")
	flags.BoolVar(&hold, "wait", false, "Do nothing, until asked to stop.")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case hold == (dir != ""):
		return errors.New("state one of -dir and -wait")
	case hold:
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		<-ctx.Done()
		return nil
	}
	found, err := Fill(dir, generation)
	if err != nil {
		return err
	}
	return os.WriteFile(report, []byte(found.String()), 0o600)
}

// Report is what data there is.
type Report struct {
	// SHA256 is its hash in hex, Bytes its size.
	SHA256 string
	Bytes  int64
}

// String is the report in the form that ParseReport reads.
func (r Report) String() string { return fmt.Sprintf("%s %d", r.SHA256, r.Bytes) }

// reportForm is the form of a report.
var reportForm = regexp.MustCompile(`^[0-9a-f]{64} [0-9]{1,18}$`)

// ParseReport reads a report. It reports false where the text is none.
func ParseReport(text string) (Report, bool) {
	var r Report
	if !reportForm.MatchString(text) {
		return r, false
	}
	_, err := fmt.Sscanf(text, "%s %d", &r.SHA256, &r.Bytes)
	return r, err == nil
}

// ReportOf says what data is.
func ReportOf(data string) Report {
	sum := sha256.Sum256([]byte(data))
	return Report{SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(data))}
}
