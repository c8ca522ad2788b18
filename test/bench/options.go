package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// options are the command line.
type options struct {
	namespaces []int
	engines    []string
	rounds     int
	// convergeRounds is how often new namespaces are protected, per engine.
	convergeRounds int
	// drifts is how many are made one at a time, per engine, in all rounds.
	drifts int
	bursts int
	burst  int
	idle   time.Duration
	// write is the file of the report, "" for the standard output.
	write string
}

// short makes a run take a few minutes: enough to see that nothing is broken,
// too little for a 99th percentile.
func (o *options) short() {
	o.rounds, o.convergeRounds, o.drifts, o.bursts, o.idle = 1, 1, 50, 2, 10*time.Second
}

// burstsPerRound rounds up, so that there are at least as many as asked for.
func (o *options) burstsPerRound() int {
	return (o.bursts + o.rounds - 1) / o.rounds
}

// parseOptions reads the command line.
func parseOptions(arguments []string) (options, error) {
	var o options
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	sizes := set.String("namespaces", "100,1000", "numbers of namespaces to measure with")
	engines := set.String("engines", floorName+","+holdfastName, "engines to measure")
	set.IntVar(&o.rounds, "rounds", 5, "turns of each engine, by turns")
	set.IntVar(&o.convergeRounds, "converge-rounds", 3, "times that new namespaces are protected, per engine")
	set.IntVar(&o.drifts, "drifts", 500, "drifts one at a time, per engine, in all rounds")
	set.IntVar(&o.bursts, "bursts", 10, "bursts per engine, in all rounds")
	set.IntVar(&o.burst, "burst", 100, "drifts in one burst")
	set.DurationVar(&o.idle, "idle", time.Minute, "time to watch an engine at rest")
	short := set.Bool("short", false, "take a few minutes: one round, 50 drifts, 2 bursts, 10 s at rest")
	write := set.Bool("write", false, "write the report to docs/benchmarks.md")
	if err := set.Parse(arguments); err != nil {
		return options{}, err
	}
	if *short {
		o.short()
	}
	if *write {
		o.write = "docs/benchmarks.md"
	}
	o.engines = names(*engines)
	for _, name := range names(*sizes) {
		n, err := strconv.Atoi(name)
		if err != nil {
			return options{}, fmt.Errorf("-namespaces: %w", err)
		}
		o.namespaces = append(o.namespaces, n)
	}
	return o, o.validate()
}

func (o *options) validate() error {
	switch {
	case len(o.namespaces) == 0 || len(o.engines) == 0:
		return errors.New("-namespaces and -engines need at least one each")
	case o.rounds < 1 || o.convergeRounds < 0 || o.drifts < o.rounds || o.bursts < 1 || o.burst < 1 || o.idle <= 0:
		return errors.New("-rounds, -bursts, -burst and -idle must be positive, -drifts at least -rounds")
	}
	for _, n := range o.namespaces {
		if n < 2 {
			return fmt.Errorf("-namespaces: %d is too few", n)
		}
	}
	return nil
}

// names splits a list at commas and blanks.
func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
