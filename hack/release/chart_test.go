package main

import (
	"errors"
	"testing"

	"github.com/holdfast-dev/holdfast/hack/release/build"
)

func TestAgree(t *testing.T) {
	cases := map[string]struct{ version, want string }{
		"the release that the chart installs": {"v0.1.0", ""},
		"another release":                     {"v0.2.0", "revision 0c51 is tagged v0.2.0, and its chart installs 0.1.0: appVersion in Chart.yaml has to be 0.2.0"},
		"a candidate":                         {"v0.1.0-rc.1", "revision 0c51 is tagged v0.1.0-rc.1, and its chart installs 0.1.0: appVersion in Chart.yaml has to be 0.1.0-rc.1"},
		"after a release":                     {"v0.2.1-0.20260301060000-0c510c510c51", ""},
		"before the first":                    {"v0.0.0-20260301060000-0c510c510c51", ""},
		"not committed":                       {"v0.2.0+dirty", ""},
		"no checkout":                         {"(devel)", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := agree(build.Source{Version: tc.version, Revision: "0c51"}, "0.1.0"); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("%q, not %q", got, tc.want)
			}
		})
	}
}

func TestUnchanged(t *testing.T) {
	one := build.Source{Version: "v0.1.0", Revision: "0c51"}
	other := build.Source{Version: "v0.1.1-0.20260301060000-8f428f428f42", Revision: "8f42"}
	if err := errors.Join(unchanged(build.Source{}, one), unchanged(one, one)); err != nil {
		t.Error(err)
	}
	want := "the checkout changed while it was built, from v0.1.0 to v0.1.1-0.20260301060000-8f428f428f42: make it again"
	if err := unchanged(one, other); err == nil || err.Error() != want {
		t.Errorf("error %v, not %s", err, want)
	}
}
