// Package image tests that the operator's image runs, as a cluster would run it:
// its files and nothing else, on a root that is read-only, as a user that is not
// root. It needs no container engine: Linux has all that there is to a container.
// The tests need to be root, or to be let make user namespaces.
package image
