// Package rfc6962 hands everything to the tagged version.
package rfc6962

import "upstream.invalid/merkle/rfc6962"

// DefaultHasher is the tagged version's.
var DefaultHasher = rfc6962.DefaultHasher
