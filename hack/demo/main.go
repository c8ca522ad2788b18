// Command demo shows Holdfast at work on a cluster of its own, and checks that
// what it shows is true. "make demo" runs it; "make demo-full" has the real Velero
// beside it, for what takes some minutes more.
//
// With DEMO_EXIT=1 it ends by itself, with status 0 only if every claim held;
// otherwise it stays up until Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/holdfast-dev/holdfast/test/velero"
)

func main() {
	log.SetLogger(logr.Discard()) // what the client library logs is no part of the story
	klog.SetLogger(logr.Discard())
	full := flag.Bool("full", false, "show backups too, with the real Velero, which make velero builds")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, newScreen(os.Stdout), *full)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts everything, shows every step, and cleans up.
func run(ctx context.Context, s *screen, full bool) (err error) {
	if full {
		if err := velero.Built(); err != nil {
			return err
		}
	}
	d, err := prepare(ctx, s, full)
	if d != nil {
		defer func() {
			if err != nil && ctx.Err() == nil {
				err = fmt.Errorf("%w\n%s", err, d.operator.lastWords())
			}
			err = errors.Join(err, d.stop())
		}()
	}
	if err == nil {
		err = d.show(ctx, steps(full))
	}
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted before everything was shown")
	}
	if err != nil {
		return err
	}
	s.printf("\n%s\n", d.summary())
	if !full {
		s.printf("Backups and their restores are shown with the real Velero: make demo-full (some minutes more).\n")
	}
	if exit := os.Getenv("DEMO_EXIT"); exit == "" || exit == "0" {
		d.whatNext()
		<-ctx.Done()
		s.printf("\ncleaning up\n")
	}
	if len(s.failed) > 0 {
		return fmt.Errorf("%d of %d claims do not hold:\n%s", len(s.failed), s.claims, strings.Join(s.failed, "\n"))
	}
	return nil
}

// step is one thing to show.
type step struct {
	title     string
	narrative string
	// run does it and checks what it claims.
	run func(context.Context, *demo) error
}

// steps are the story, in full or without what takes the real Velero.
func steps(full bool) []step {
	story := []step{
		{"A cluster as one finds it", narrativeMess, showMess},
		{"Look first: mode Observe", narrativeObserve, showObserve},
		{"Evidence on a schedule", narrativeSchedule, showSchedule},
		{"Why: rule by rule", narrativeWhy, showWhy},
		{"What enforcing would change", narrativePreview, showPreview},
		{"Hold it: mode Enforce", narrativeEnforce, showEnforce},
		{"What people have to decide", narrativePeople, showPeople},
		{"Drift: the policy is deleted", narrativeDeleted, driftStep(deleted)},
		{"Drift: a rule that allows everything", narrativeOpened, driftStep(opened)},
		{"Drift: the selector is narrowed", narrativeNarrowed, driftStep(narrowed)},
		{"A new namespace", narrativeNew, showNew},
		{"An edit that reaches too far", narrativeBrake, showBrake},
		{"Encryption: what only looks so", narrativeFlags, showFlags},
		{"Encryption: a default that is safe", narrativeDefault, showDefaultClass},
		{"Encryption: what a host serves", narrativeServed, showServed},
		{"Encryption: what the API server stores", narrativeStored, showStored},
	}
	if full {
		story = append(story, backupSteps()...)
	}
	return append(story, evidenceSteps()...)
}

// evidenceSteps are the part of the story that is about what is left of the others.
func evidenceSteps() []step {
	return []step{
		{"What an auditor keeps", narrativeKeep, showKeep},
		{"kill -9, and drift while nobody looks", narrativeKill, showKill},
		{"Check the evidence", narrativeVerify, showVerify},
		{"Alter one byte of it", narrativeAlter, showAlter},
		{"What was collected", narrativeCollected, showCollected},
		{"The record of what just happened", narrativeRecord, showRecord},
		{"Six months", narrativeHalf, showHalf},
	}
}

// show shows steps, one after the other.
func (d *demo) show(ctx context.Context, steps []step) error {
	for i, s := range steps {
		d.title(i+1, s.title)
		d.say(s.narrative)
		if err := s.run(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
	}
	return nil
}
