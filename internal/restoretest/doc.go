// Package restoretest restores backups, to see that they can be.
//
// A [Tester] works beside the probes: it is asked as they are, by targets, and answers
// with observations that the control type restoreTest judges (docs/adr/0027). What it
// restores is a sentinel that it put into the namespace before the backup: see
// sentinel.go. A test is a run, in run.go, whose steps are
//
//	a namespace of the test's own, that nothing gets into or out of   scratch.go
//	a Restore of the sentinel into it, and the wait for its end       restore.go
//	the comparison of what came back with what was written            compare.go
//	the removal of both, unless a volume is in use elsewhere          remove.go
//
// There is no state but what is in the cluster, under labels that name the test and
// the cluster, and in the ledger. A process that ends in the middle of a test leaves
// what the next one removes before it tests anything: leftovers.go. No object is
// changed, ever; and none is deleted but by the UID under which its labels were read.
package restoretest
