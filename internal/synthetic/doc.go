// Package synthetic generates ledgers of a past that never was: a cluster of
// namespaces whose network isolation drifts, is repaired and is fought over, and
// whose Ingresses, where asked for, come, drift and go,
// under an operator that restarts, crashes, loses sight and is upgraded, with
// collections, anchors and all that goes with them. Tests, benchmarks and the
// demo read them.
//
// What is written is what the operator would have written: policies are defined,
// snapshots judged and entries settled by the product's own code, and the log is
// a real one. Only the cluster and the clock are made up. The same options give
// the same entries, byte for byte.
//
// A past of its own, WriteBackups, is of backups: a quarter of a cluster that Velero
// backs up, with runs that fail, are late or never begin, an object store that is away,
// and restore tests.
//
// The files, from the outside in:
//
//	options.go, write.go       what is asked for, and the loop that makes it
//	story.go, chance.go        what happens when: once, and again and again
//	cluster.go, shape.go       the namespaces, and what isolates them
//	ingresses.go               their Ingresses, and what becomes of those
//	verdict.go                 what the product's evaluator says of them
//	policies.go                the policies, and how they are edited
//	operator.go, outages.go    the operator's processes, and when they see nothing
//	passes.go, repairs.go      what it observes and does
//	collections.go, census.go  what it collects, and what that finds
//	evidence.go, anchors.go    schedule, access, self-tests, witness
//	history.go                 what really happened, for tests to compare with
//	backups.go, backups_*.go   backups: the story, Velero, the operator, restore tests
//	pen.go                     how verdicts on snapshots are written down
//
// In tests: first_test.go has the ledgers that every version has to read, of which
// chronicle_*_test.go tell one event by event, with everything that an entry can say, and
// pruned_test.go has a segment removed from another.
package synthetic
