// Package merkle stands in for the untagged version of
// github.com/transparency-dev/merkle that the witness asks for, which module
// proxies do not all have. It hands everything to the tagged one.
package merkle

import "upstream.invalid/merkle"

// LogHasher is the tagged version's.
type LogHasher = merkle.LogHasher
