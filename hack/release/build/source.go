package build

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// Source is what a binary was built from.
type Source struct {
	// Version is the module's, as v0.1.0: the tag of the revision, or a version made
	// from the revision by the go command's rules.
	Version string
	// Revision is the commit; empty where none is known.
	Revision string
	// Modified says that files differed from the commit.
	Modified bool
	// Time is SOURCE_DATE_EPOCH, else the commit's. Everything in a release that
	// has a time has this one.
	Time time.Time
}

// sourceOf reads what a binary was built from. epoch is the value of
// SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/).
func sourceOf(info *debug.BuildInfo, epoch string) (Source, error) {
	s := Source{Version: info.Main.Version}
	committed := ""
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			s.Revision = setting.Value
		case "vcs.modified":
			s.Modified = setting.Value == "true"
		case "vcs.time":
			committed = setting.Value
		}
	}
	if epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return s, fmt.Errorf("read SOURCE_DATE_EPOCH: %q is not a number of seconds", epoch)
		}
		s.Time = time.Unix(seconds, 0).UTC()
		return s, nil
	}
	if committed == "" {
		return s, errors.New("the time of the source is not known: build in a git checkout, or set SOURCE_DATE_EPOCH")
	}
	t, err := time.Parse(time.RFC3339, committed)
	if err != nil {
		return s, fmt.Errorf("read the time of the commit: %w", err)
	}
	s.Time = t.UTC()
	return s, nil
}

// Doubt says why nobody else can make the same; it is empty where they can.
func (s Source) Doubt() string {
	switch {
	case s.Revision == "":
		return "nobody else can make the same: it is not known which revision it was built from"
	case s.Modified:
		return fmt.Sprintf("nobody else can make the same: it was built from files that are not in revision %s", s.Revision)
	default:
		return ""
	}
}

// Number is the version without its v, as the chart and the image have it.
// Of a build that knows no version it is devel.
func (s Source) Number() string { return strings.Trim(strings.TrimPrefix(s.Version, "v"), "()") }
