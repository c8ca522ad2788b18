//go:build !killpoints

package killpoint

// Hit does nothing.
func Hit(Point) {}

// Setting is zero: the default.
func Setting(string) uint64 { return 0 }
