// Package probe looks at effects: how an API server stores an object, what a host
// serves, what a TLS Secret says in public, and whether a guard refuses what it is
// to refuse.
//
// A [Runner] probes beside the loop that judges: it is told what each scope wants
// probed, probes it at its own cadence, has each run recorded, and then has the
// scope judged again. The kinds of probes are in the packages canary, handshake,
// certificate and dryrun.
package probe
