// Package version says which build a binary is. Whoever builds it, make, the
// image's builder or go install, it is what the go command stamped into it: there
// is no second place in which a version could say something else.
package version

import "runtime/debug"

// unknown is the version of a binary without build information.
const unknown = "unknown"

// String is the version of the running binary, and the revision it was built
// from where a checkout was there to tell, as "v0.1.0 0c51…". A version that ends
// in +dirty was built from files that are not in that revision.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknown
	}
	return Of(info)
}

// Of is String for the build information of a binary.
func Of(info *debug.BuildInfo) string {
	version := info.Main.Version
	if version == "" {
		version = unknown
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			version += " " + s.Value
		}
	}
	return version
}
