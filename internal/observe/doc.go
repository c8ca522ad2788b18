// Package observe watches the kinds that controls need and turns them, scope by
// scope, into immutable snapshots.
//
// One reflector per kind feeds tables of small types of our own, which keep only
// what is judged. A change is judged cheaply as it arrives: only where the
// inputs of a verdict changed is the scope announced. What an evaluation reads,
// and the resourceVersion up to which it was read, come from under one lock.
//
// A scope is a namespace, or the cluster itself (cluster.go). What networkIsolation
// rests on is always watched, the rest while somebody needs it (demand.go): objects
// that controls judge one by one, each in the scope that judges it (objects.go).
//
// Pods are kept as classes that selectors tell apart (classes.go), selectors that
// reach beyond their namespace with what they match (peers.go). Kinds that not
// every cluster serves are watched while CustomResourceDefinitions say that they
// are (optional.go, served.go). Static reads the same without a watch.
//
// Velero's Backups select many namespaces each: they are kept once, in sets that
// select the same, and a snapshot shows of each set only what may ever decide
// anything (backups.go, backupsets.go).
//
// That a watch is connected is proven, not assumed: each kind keeps the time of
// its last proof of observation, and where proof is missing for too long a live
// request decides whether there is a gap.
//
// The tables are fed by reflectors rather than shared informers, because these
// hold one copy of each object more, and hand it on through a queue and a second
// goroutine, which a repair would wait for.
package observe
