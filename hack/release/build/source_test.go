package build

import (
	"runtime/debug"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSourceOf(t *testing.T) {
	committed := []debug.BuildSetting{{Key: "vcs.revision", Value: "0c51"}, {Key: "vcs.time", Value: "2026-03-01T07:00:00+01:00"}, {Key: "vcs.modified", Value: "false"}}
	modified := append(committed[:2:2], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	cases := map[string]struct {
		version, epoch string
		settings       []debug.BuildSetting
		want           Source
		wantNumber     string
		wantError      string
		wantDoubt      string
	}{
		"a tagged commit": {
			version: "v0.1.0", settings: committed,
			want: Source{Version: "v0.1.0", Revision: "0c51", Time: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)}, wantNumber: "0.1.0",
		},
		"files that are not committed": {
			version: "v0.1.0+dirty", settings: modified,
			want:       Source{Version: "v0.1.0+dirty", Revision: "0c51", Modified: true, Time: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)},
			wantNumber: "0.1.0+dirty",
			wantDoubt:  "nobody else can make the same: it was built from files that are not in revision 0c51",
		},
		"a time that is stated": {
			version: "v0.1.0", epoch: "1700000000", settings: committed,
			want: Source{Version: "v0.1.0", Revision: "0c51", Time: time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)}, wantNumber: "0.1.0",
		},
		"no checkout": {
			version: "(devel)", epoch: "0",
			want: Source{Version: "(devel)", Time: time.Unix(0, 0).UTC()}, wantNumber: "devel",
			wantDoubt: "nobody else can make the same: it is not known which revision it was built from",
		},
		"no checkout, and no time": {
			version:   "(devel)",
			wantError: "the time of the source is not known: build in a git checkout, or set SOURCE_DATE_EPOCH",
		},
		"a time that is none": {
			epoch:     "yesterday",
			wantError: `read SOURCE_DATE_EPOCH: "yesterday" is not a number of seconds`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := sourceOf(&debug.BuildInfo{Main: debug.Module{Version: tc.version}, Settings: tc.settings}, tc.epoch)
			if message(err) != tc.wantError {
				t.Fatalf("error %q, not %q", message(err), tc.wantError)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Number() != tc.wantNumber {
				t.Errorf("the number is %q, not %q", got.Number(), tc.wantNumber)
			}
			if got.Doubt() != tc.wantDoubt {
				t.Errorf("the doubt is %q, not %q", got.Doubt(), tc.wantDoubt)
			}
		})
	}
}

func TestParsePlatforms(t *testing.T) {
	cases := map[string]struct {
		list      string
		want      []Platform
		wantError string
	}{
		"two":             {list: "linux/amd64, windows/arm64", want: []Platform{{"linux", "amd64"}, {"windows", "arm64"}}},
		"none":            {list: "", wantError: `read the platform "": it has to be a system and an architecture, as linux/amd64`},
		"only a system":   {list: "linux", wantError: `read the platform "linux": it has to be a system and an architecture, as linux/amd64`},
		"with a variant":  {list: "linux/arm/v7", wantError: `read the platform "linux/arm/v7": it has to be a system and an architecture, as linux/amd64`},
		"an empty second": {list: "linux/amd64,", wantError: `read the platform "": it has to be a system and an architecture, as linux/amd64`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParsePlatforms(tc.list)
			if message(err) != tc.wantError {
				t.Fatalf("error %q, not %q", message(err), tc.wantError)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
