// Package probe looks at effects: how an API server stores an object, what a host
// serves, what a TLS Secret says in public, whether a guard refuses what it is to
// refuse, and whether everybody knows the password of Velero's repositories.
//
// A [Runner] probes beside the loop that judges: it is told what each scope wants
// probed, probes it at its own cadence, has each run recorded, and then has the
// scope judged again. The kinds of probes are in the packages canary, handshake,
// certificate, dryrun and repository. What restores backups is in package
// restoretest.
package probe
