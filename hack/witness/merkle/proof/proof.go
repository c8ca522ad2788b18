// Package proof hands everything to the tagged version, but for what that does
// not have.
package proof

import (
	"errors"

	"github.com/transparency-dev/merkle"
	"upstream.invalid/merkle/proof"
)

// VerifyConsistency calls the tagged version.
func VerifyConsistency(hasher merkle.LogHasher, size1, size2 uint64, hashes [][]byte, root1, root2 []byte) error {
	return proof.VerifyConsistency(hasher, size1, size2, hashes, root1, root2)
}

// VerifySubtreeConsistency refuses: this witness signs no subtrees.
func VerifySubtreeConsistency(merkle.LogHasher, uint64, uint64, uint64, [][]byte, []byte, []byte) error {
	return errors.New("this witness signs no subtrees")
}
