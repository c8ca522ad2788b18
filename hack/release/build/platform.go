package build

import (
	"fmt"
	"strings"
)

// Platform is what a binary runs on.
type Platform struct{ OS, Arch string }

// String is the platform as linux/amd64.
func (p Platform) String() string { return p.OS + "/" + p.Arch }

// Dashed is the platform as part of a file's name, as linux-amd64.
func (p Platform) Dashed() string { return p.OS + "-" + p.Arch }

// ParsePlatforms reads platforms that are separated by commas.
func ParsePlatforms(list string) ([]Platform, error) {
	var platforms []Platform
	for name := range strings.SplitSeq(list, ",") {
		os, arch, ok := strings.Cut(strings.TrimSpace(name), "/")
		if !ok || os == "" || arch == "" || strings.Contains(arch, "/") {
			return nil, fmt.Errorf("read the platform %q: it has to be a system and an architecture, as linux/amd64", name)
		}
		platforms = append(platforms, Platform{OS: os, Arch: arch})
	}
	return platforms, nil
}
