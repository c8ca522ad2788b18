package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// request is one request that the API server answered.
type request struct {
	user string
	verb string
	// resource is with its subresource ("controlpolicies/status"); for a path
	// that is no resource, the path.
	resource string
}

// requestKind says what a request is for.
type requestKind string

// The kinds of requests. Status and events are debounced and the lease goes by
// the clock, so none of them belongs to a drift.
const (
	kindRepair requestKind = "repair"
	kindStatus requestKind = "status"
	kindEvent  requestKind = "events"
	kindLease  requestKind = "lease"
	kindOther  requestKind = "other"
)

func (r request) kind() requestKind {
	resource, subresource, _ := strings.Cut(r.resource, "/")
	switch {
	case resource == "leases":
		return kindLease
	case resource == "events":
		return kindEvent
	case subresource == "status":
		return kindStatus
	case resource == "networkpolicies" && r.verb != "watch" && r.verb != "list":
		return kindRepair
	}
	return kindOther
}

// requestCount counts requests by what they were.
type requestCount map[request]int

// of returns the count of one user's requests.
func (c requestCount) of(user string) requestCount {
	count := requestCount{}
	for r, n := range c {
		if r.user == user {
			count[r] = n
		}
	}
	return count
}

func (c requestCount) add(more requestCount) {
	for r, n := range more {
		c[r] += n
	}
}

// total returns the number of requests of some kinds, or of all without any.
func (c requestCount) total(kinds ...requestKind) int {
	total := 0
	for r, n := range c {
		if len(kinds) == 0 || slices.Contains(kinds, r.kind()) {
			total += n
		}
	}
	return total
}

// String lists the requests, most frequent first.
func (c requestCount) String() string {
	by := map[string]int{}
	for r, n := range c {
		by[r.verb+" "+r.resource] += n
	}
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		if by[a] != by[b] {
			return by[b] - by[a]
		}
		return strings.Compare(a, b)
	})
	if len(names) == 0 {
		return "none"
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s: %d", name, by[name])
	}
	return strings.Join(names, "; ")
}

// auditReader counts what is new in an audit log.
type auditReader struct {
	path   string
	offset int64
}

// news returns the requests since the last call.
func (a *auditReader) news() (requestCount, error) {
	count := requestCount{}
	file, err := os.Open(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return count, nil // made with the first request
	}
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(a.offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	reader := bufio.NewReaderSize(file, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return count, nil // a line half written is read the next time
		}
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		a.offset += int64(len(line))
		if err := count.note(line); err != nil {
			return nil, err
		}
	}
}

// note counts one line of an audit log.
func (c requestCount) note(line []byte) error {
	var event auditv1.Event
	if err := json.Unmarshal(line, &event); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	// A watch is in the log twice: at its start and at its end.
	if event.Verb == "watch" && event.Stage != auditv1.StageResponseStarted {
		return nil
	}
	r := request{user: event.User.Username, verb: event.Verb}
	if ref := event.ObjectRef; ref != nil {
		r.resource = ref.Resource
		if ref.Subresource != "" {
			r.resource += "/" + ref.Subresource
		}
	} else {
		r.resource, _, _ = strings.Cut(event.RequestURI, "?")
	}
	c[r]++
	return nil
}
