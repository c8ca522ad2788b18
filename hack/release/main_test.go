package main

import (
	"bytes"
	"flag"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	empty := t.TempDir()
	cases := map[string]struct {
		args []string
		want string
	}{
		"no command":               {nil, "usage: release COMMAND"},
		"another command":          {[]string{"sign"}, "usage: release COMMAND"},
		"help":                     {[]string{"image", "-help"}, flag.ErrHelp.Error()},
		"an argument too many":     {[]string{"image", "here"}, "release image takes 0 arguments"},
		"an argument too few":      {[]string{"push"}, "release push takes 1 arguments: REGISTRY/REPO:TAG"},
		"a platform that is none":  {[]string{"image", "-platforms=linux"}, `read the platform "linux"`},
		"a tag without a registry": {[]string{"push", "-dir=" + empty, "holdfast"}, "read where to push to"},
		"nothing to push":          {[]string{"push", "-dir=" + empty, "registry.example.com/holdfast:0.1.0"}, "make image makes one"},
		"nothing to unpack":        {[]string{"unpack", "-dir=" + empty, empty}, "make image makes one"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), tc.args, &out)
			if err == nil || !strings.Contains(err.Error(), tc.want) || out.Len() > 0 {
				t.Errorf("error %v, not %s, and it printed %q", err, tc.want, out.String())
			}
		})
	}
}
