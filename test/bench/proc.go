package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc, which Linux keeps at 1/100 s.
const clockTick = 10 * time.Millisecond

// usage is what a process has used, from /proc.
type usage struct {
	// cpu is user and system time, in steps of clockTick.
	cpu time.Duration
	// resident and peak are the resident memory now and at its highest; file is
	// what of it now are pages of files, above all of the program itself. In bytes.
	resident, file, peak uint64
}

// memory returns what the process holds now.
func (u usage) memory() memory {
	return memory{resident: u.resident, private: u.resident - min(u.file, u.resident)}
}

// usageOf reads what a process has used.
func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return usage{}, err
	}
	u, err := parseStatus(status)
	if err != nil {
		return usage{}, err
	}
	u.cpu, err = parseStat(stat)
	return u, err
}

// parseStat returns the CPU time in a /proc/PID/stat. The name of the program,
// the second field, may hold spaces and parentheses.
func parseStat(stat []byte) (time.Duration, error) {
	const utime, stime = 11, 12 // counted after the name
	_, rest, found := cutLast(string(stat), ")")
	fields := strings.Fields(rest)
	if !found || len(fields) <= stime {
		return 0, fmt.Errorf("not the stat of a process: %q", stat)
	}
	var ticks int64
	for _, field := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("CPU time of a process: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// parseStatus returns the memory in a /proc/PID/status.
func parseStatus(status []byte) (u usage, err error) {
	for name, value := range map[string]*uint64{"VmRSS": &u.resident, "RssFile": &u.file, "VmHWM": &u.peak} {
		if *value, err = kilobytes(status, name); err != nil {
			return usage{}, err
		}
	}
	return u, nil
}

// kilobytes returns a field of the form "Name:   123 kB", in bytes.
func kilobytes(file []byte, name string) (uint64, error) {
	lines := bufio.NewScanner(bytes.NewReader(file))
	for lines.Scan() {
		value, found := strings.CutPrefix(lines.Text(), name+":")
		if !found {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		return n << 10, nil
	}
	return 0, fmt.Errorf("there is no %s", name)
}
