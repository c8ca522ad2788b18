package main

import (
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	for name, tc := range map[string]struct {
		stat    string
		want    time.Duration
		wantErr bool
	}{
		"plain":               {"7 (floor) S 1 7 7 0 -1 4194560 3393 53540 0 39 120 33 33 14 20 0 1 0 251833 5124096 959", 1530 * time.Millisecond, false},
		"a name of two words": {"7 (a) b) S 1 7 7 0 -1 4194560 3393 53540 0 39 1 2 33 14 20 0 1 0 251833 5124096 959", 30 * time.Millisecond, false},
		"cut short":           {"7 (floor) S 1 7 7 0", 0, true},
		"not a number":        {"7 (floor) S 1 7 7 0 -1 4194560 3393 53540 0 39 x 33 33 14 20", 0, true},
		"empty":               {"", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStat([]byte(tc.stat))
			if got != tc.want || (err != nil) != tc.wantErr {
				t.Errorf("parseStat = %s, %v; want %s, error %t", got, err, tc.want, tc.wantErr)
			}
		})
	}
}

func TestParseStatus(t *testing.T) {
	for name, tc := range map[string]struct {
		status  string
		want    usage
		wantErr bool
	}{
		"plain": {
			"Name:\tfloor\nVmHWM:\t   40960 kB\nVmRSS:\t   20480 kB\nRssFile:\t   10240 kB\n",
			usage{resident: 20 << 20, file: 10 << 20, peak: 40 << 20}, false,
		},
		"no peak":      {"VmRSS:\t   20480 kB\nRssFile:\t   10240 kB\n", usage{}, true},
		"no resident":  {"VmHWM:\t   20480 kB\nRssFile:\t   10240 kB\n", usage{}, true},
		"not a number": {"VmHWM:\t many kB\nVmRSS:\t 1 kB\nRssFile:\t   10240 kB\n", usage{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStatus([]byte(tc.status))
			if got != tc.want || (err != nil) != tc.wantErr {
				t.Errorf("parseStatus = %+v, %v; want %+v, error %t", got, err, tc.want, tc.wantErr)
			}
		})
	}
}
