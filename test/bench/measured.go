package main

import "time"

// measured is what one engine did on clusters of one size.
type measured struct {
	engine *engine
	// converged are, per round, how fast new namespaces were protected.
	converged []converged
	// single are drifts one at a time, by round.
	single []sample
	// bursts are drifts many at once, by burst.
	bursts []sample
	// all are all namespaces drifted at once, by round.
	all []sample
	// same are drifts of one object in a row, by round.
	same []sample
	// down are drifts made while the engine was down, by round, counted from the
	// start of the process.
	down []sample
	// cost is of the drifts one at a time.
	cost cost
	// evidence is of the drifts one at a time, burstEvidence of all that came
	// many at once.
	evidence, burstEvidence evidence
	idle                    idle
	// peak is the highest memory of any of its processes, rest that of the last
	// after the idle time.
	peak, rest memory
	// opened is how many objects were changed to allow all ingress, reopened how
	// often the engine itself wrote one that does.
	opened, reopened int
}

// converged is how fast many new namespaces were protected.
type converged struct {
	// each is by namespace, from the answer to its creation.
	each sample
	// last is from before the first creation to the last protection; created is
	// from there to the last creation.
	last, created time.Duration
}

// cost is what events cost: drifts, new labels, changes of pods.
type cost struct {
	events   int
	cpu      time.Duration
	requests requestCount
}

// perDrift returns the API requests per drift, the drift's own included, but not
// those that are not made per drift.
func (c cost) perDrift() float64 {
	return 1 + c.each(kindRepair, kindOther)
}

// each returns the requests of some kinds per event.
func (c cost) each(kinds ...requestKind) float64 {
	if c.events == 0 {
		return 0
	}
	return float64(c.requests.total(kinds...)) / float64(c.events)
}

// cpuEach returns the engine's CPU time per event.
func (c cost) cpuEach() time.Duration {
	if c.events == 0 {
		return 0
	}
	return c.cpu / time.Duration(c.events)
}

// idle is what an engine did while nothing happened.
type idle struct {
	lasted, cpu time.Duration
	requests    requestCount
	// others are the requests of everybody else.
	others requestCount
}

// sizeResult is what was measured with one number of namespaces.
type sizeResult struct {
	namespaces int
	engines    []*measured
	// ledger is nil where the operator was not measured.
	ledger *ledgerCheck
}

// of returns what one engine did, nil if it was not measured.
func (r *sizeResult) of(name string) *measured {
	for _, m := range r.engines {
		if m.engine.name == name {
			return m
		}
	}
	return nil
}
