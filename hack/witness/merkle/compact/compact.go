// Package compact hands everything to the tagged version.
package compact

import "upstream.invalid/merkle/compact"

// NodeID is the tagged version's.
type NodeID = compact.NodeID

// NewNodeID calls the tagged version.
func NewNodeID(level uint, index uint64) NodeID { return compact.NewNodeID(level, index) }

// RangeNodes calls the tagged version.
func RangeNodes(begin, end uint64, ids []NodeID) []NodeID {
	return compact.RangeNodes(begin, end, ids)
}

// RangeSize calls the tagged version.
func RangeSize(begin, end uint64) int { return compact.RangeSize(begin, end) }
