package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The suites, by name.
const (
	// suiteRepair has many new namespaces protected, and drifts repaired.
	suiteRepair = "repair"
	// suiteRelabel changes labels of namespaces that policies refer to.
	suiteRelabel = "relabel"
	// suitePods changes pods, and starts the operator among many of them.
	suitePods = "pods"
	// suiteRecords makes records of a large generated ledger, and verifies it.
	suiteRecords = "records"
	// suiteCollect collects the evidence of many namespaces.
	suiteCollect = "collect"
	// suiteEncryption judges many Ingresses and volumes, and changes some.
	suiteEncryption = "encryption"
	// suiteBackup knows the recovery points of many namespaces, and learns of new ones.
	suiteBackup = "backup"
)

// options are the command line.
type options struct {
	suites  []string
	engines []string
	// namespaces are the sizes of the suite repair.
	namespaces []int
	rounds     int
	// convergeRounds is how often new namespaces are protected, per engine.
	convergeRounds int
	// drifts is how many are made one at a time, per engine, in all rounds.
	drifts     int
	bursts     int
	burst      int
	idle       time.Duration
	relabel    relabelOptions
	pods       podsOptions
	records    recordsOptions
	collect    collectOptions
	encryption encryptionOptions
	backup     backupOptions
	// write is the file of the report, "" for the standard output.
	write string
	// merge keeps what the file has of other suites and sizes.
	merge bool
}

// relabelOptions are those of the suite relabel.
type relabelOptions struct {
	namespaces int
	// selectors are numbers of distinct selectors of namespaces.
	selectors []int
	relabels  int
}

// podsOptions are those of the suite pods.
type podsOptions struct {
	// namespaces are its sizes, each with that many pods per namespace.
	namespaces   []int
	perNamespace int
	// events is how often a pod is created, deleted or given another label, rate
	// how often in a second.
	events, rate int
}

// short makes a run take a few minutes: enough to see that nothing is broken,
// too little for a 99th percentile.
func (o *options) short() {
	o.rounds, o.convergeRounds, o.drifts, o.bursts, o.idle = 1, 1, 50, 2, 10*time.Second
	o.relabel.relabels, o.pods.events = min(o.relabel.relabels, 60), min(o.pods.events, 300)
	o.encryption.changes = min(o.encryption.changes, 50)
	o.backup.changes, o.backup.runs = min(o.backup.changes, 50), min(o.backup.runs, 2)
	o.records.entries, o.collect.collections = min(o.records.entries, 200_000), min(o.collect.collections, 2)
}

func (o *options) has(suite string) bool { return slices.Contains(o.suites, suite) }

// burstsPerRound rounds up, so that there are at least as many as asked for.
func (o *options) burstsPerRound() int {
	return (o.bursts + o.rounds - 1) / o.rounds
}

// parseOptions reads the command line.
func parseOptions(arguments []string) (options, error) {
	o := options{
		suites:     []string{suiteRepair, suiteRelabel, suitePods, suiteRecords, suiteCollect, suiteEncryption, suiteBackup},
		engines:    []string{floorName, holdfastName},
		namespaces: []int{100, 1000, 5000},
		relabel:    relabelOptions{selectors: []int{1, 200}},
		pods:       podsOptions{namespaces: []int{1000, 10000}},
	}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.Var((*nameList)(&o.suites), "suites", "`suites` to run")
	set.Var((*nameList)(&o.engines), "engines", "`engines` to measure in the suite repair")
	set.Var((*numberList)(&o.namespaces), "namespaces", "`numbers` of namespaces in the suite repair")
	set.IntVar(&o.rounds, "rounds", 5, "turns of each engine, by turns")
	set.IntVar(&o.convergeRounds, "converge-rounds", 3, "times that new namespaces are protected, per engine")
	set.IntVar(&o.drifts, "drifts", 500, "drifts one at a time, per engine, in all rounds")
	set.IntVar(&o.bursts, "bursts", 10, "bursts per engine, in all rounds")
	set.IntVar(&o.burst, "burst", 100, "drifts in one burst")
	set.DurationVar(&o.idle, "idle", time.Minute, "time to watch an engine at rest")
	set.IntVar(&o.relabel.namespaces, "relabel-namespaces", 5000, "namespaces in the suite relabel")
	set.Var((*numberList)(&o.relabel.selectors), "selectors", "`numbers` of distinct peer selectors")
	set.IntVar(&o.relabel.relabels, "relabels", 500, "changes of a namespace's label with each number of selectors")
	set.Var((*numberList)(&o.pods.namespaces), "pod-namespaces", "`numbers` of namespaces in the suite pods")
	set.IntVar(&o.pods.perNamespace, "pods-per-namespace", 5, "pods in each namespace")
	set.IntVar(&o.pods.events, "pod-events", 3000, "changes of pods")
	set.IntVar(&o.pods.rate, "pod-rate", 200, "changes of pods in a second")
	set.IntVar(&o.records.entries, "entries", 1_000_000, "entries, about, of the ledger in the suite records")
	set.IntVar(&o.records.namespaces, "record-namespaces", 500, "namespaces in that ledger")
	set.IntVar(&o.collect.namespaces, "collect-namespaces", 10_000, "namespaces in the suite collect")
	set.IntVar(&o.collect.collections, "collections", 5, "collections in the suite collect")
	set.IntVar(&o.encryption.ingresses, "ingresses", 5000, "Ingresses in the suite encryption")
	set.IntVar(&o.encryption.volumes, "volumes", 10_000, "volumes in the suite encryption")
	set.IntVar(&o.encryption.changes, "encryption-changes", 300, "changes of each of the two")
	set.IntVar(&o.backup.namespaces, "backup-namespaces", 2000, "namespaces in the suite backup")
	set.IntVar(&o.backup.backups, "backups", 50_000, "Backups in the suite backup")
	set.IntVar(&o.backup.changes, "new-backups", 200, "new Backups of one namespace")
	set.IntVar(&o.backup.runs, "backup-runs", 5, "further runs of the plan that covers all")
	short := set.Bool("short", false, "take a few minutes: one round, 50 drifts, 2 bursts, 10 s at rest, few changes")
	write := set.Bool("write", false, "write the report to docs/benchmarks.md")
	set.BoolVar(&o.merge, "merge", false, "write it there, and keep what is there of other suites and sizes")
	if err := set.Parse(arguments); err != nil {
		return options{}, err
	}
	if *short {
		o.short()
	}
	if *write || o.merge {
		o.write = "docs/benchmarks.md"
	}
	return o, o.validate()
}

func (o *options) validate() error {
	if err := errors.Join(
		oneOf("suites", o.suites, suiteRepair, suiteRelabel, suitePods, suiteRecords, suiteCollect, suiteEncryption, suiteBackup),
		oneOf("engines", o.engines, floorName, holdfastName),
	); err != nil {
		return err
	}
	switch {
	case len(o.namespaces) == 0 || len(o.engines) == 0 || len(o.suites) == 0:
		return errors.New("-namespaces, -engines and -suites need at least one each")
	case o.rounds < 1 || o.convergeRounds < 0 || o.drifts < o.rounds || o.bursts < 1 || o.burst < 1 || o.idle <= 0:
		return errors.New("-rounds, -bursts, -burst and -idle must be positive, -drifts at least -rounds")
	case slices.Min(o.namespaces) < 2:
		return errors.New("-namespaces: fewer than 2 are too few")
	}
	return errors.Join(o.relabel.validate(), o.pods.validate(), o.records.validate(), o.collect.validate(), o.encryption.validate(), o.backup.validate())
}

// oneOf returns an error unless all names are known.
func oneOf(flag string, names []string, known ...string) error {
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("-%s: there is no %q, but %s", flag, name, strings.Join(known, ", "))
		}
	}
	return nil
}

func (o *relabelOptions) validate() error {
	switch {
	case len(o.selectors) == 0 || slices.Min(o.selectors) < 1 || o.relabels < 1:
		return errors.New("-selectors and -relabels must be positive")
	case o.namespaces < 2*slices.Max(o.selectors):
		return errors.New("-relabel-namespaces: at least two for each of -selectors are needed")
	}
	return nil
}

func (o *podsOptions) validate() error {
	switch {
	case len(o.namespaces) == 0 || slices.Min(o.namespaces) < 2 || o.perNamespace < 1 || o.events < 1 || o.rate < 1:
		return errors.New("-pod-namespaces, -pods-per-namespace, -pod-events and -pod-rate must be positive")
	case o.events > slices.Min(o.namespaces)*o.perNamespace:
		return errors.New("-pod-events: there are fewer pods than that")
	}
	return nil
}

func (o *recordsOptions) validate() error {
	if o.entries < 1000 || o.namespaces < 12 {
		return errors.New("-entries must be at least 1000, -record-namespaces at least 12")
	}
	return nil
}

func (o *collectOptions) validate() error {
	if o.namespaces < 1 || o.collections < 1 {
		return errors.New("-collect-namespaces and -collections must be positive")
	}
	return nil
}

// nameList is a flag that lists names.
type nameList []string

// String lists the names.
func (l *nameList) String() string { return strings.Join(*l, ",") }

// Set replaces the list.
func (l *nameList) Set(value string) error {
	*l = splitList(value)
	return nil
}

// numberList is a flag that lists numbers.
type numberList []int

// String lists the numbers.
func (l *numberList) String() string {
	var names []string
	for _, n := range *l {
		names = append(names, strconv.Itoa(n))
	}
	return strings.Join(names, ",")
}

// Set replaces the list.
func (l *numberList) Set(value string) error {
	*l = nil
	for _, name := range splitList(value) {
		n, err := strconv.Atoi(name)
		if err != nil {
			return err
		}
		*l = append(*l, n)
	}
	return nil
}

// splitList splits a list at commas and blanks.
func splitList(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
