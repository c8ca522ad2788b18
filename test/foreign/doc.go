// Package foreign shows, in its tests, that tools which know nothing of Holdfast
// agree about its ledgers: Tessera's fsck, a C2SP witness, an RFC 3161 time
// stamping authority, a signed note's own library, and a shell script.
package foreign
