package version

import (
	"runtime/debug"
	"testing"
)

func TestOf(t *testing.T) {
	cases := map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"built in a checkout": {
			debug.BuildInfo{Main: debug.Module{Version: "v0.1.0"}, Settings: []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "vcs.revision", Value: "0c51"}}},
			"v0.1.0 0c51",
		},
		"installed from a module": {debug.BuildInfo{Main: debug.Module{Version: "v0.1.0"}}, "v0.1.0"},
		"built without a module":  {debug.BuildInfo{}, "unknown"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Of(&tc.info); got != tc.want {
				t.Errorf("%q, not %q", got, tc.want)
			}
		})
	}
}
