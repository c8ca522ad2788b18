package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"

	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// Requests are what the API server was asked, in the order of its answers.
type Requests []auditv1.Event

// AuditMark is a place in the audit log.
type AuditMark int64

// Mark is the audit log's end now.
func (c *Cluster) Mark(tb testing.TB) AuditMark {
	tb.Helper()
	info, err := os.Stat(c.AuditLogPath())
	if errors.Is(err, fs.ErrNotExist) {
		return 0 // made with the first request
	}
	if err != nil {
		tb.Fatalf("read the audit log: %v", err)
	}
	return AuditMark(info.Size())
}

// Since returns the requests that were answered after the mark. A request is
// there before its answer is.
func (c *Cluster) Since(tb testing.TB, mark AuditMark) Requests {
	tb.Helper()
	requests, err := readAudit(c.AuditLogPath(), int64(mark))
	if err != nil {
		tb.Fatalf("read the audit log: %v", err)
	}
	return requests
}

// readAudit reads the complete lines that begin at an offset or after it: a mark may
// lie within a line that was being written.
func readAudit(path string, offset int64) (Requests, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(max(offset-1, 0), io.SeekStart); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	if offset > 0 {
		_, content, _ = bytes.Cut(content, []byte{'\n'})
	}
	var requests Requests
	reader := bufio.NewReader(bytes.NewReader(content))
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return requests, nil
		}
		if err != nil {
			return nil, err
		}
		var event auditv1.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		requests = append(requests, event)
	}
}

// eachRequest calls do for each request of a log by a service account, which are
// few of many.
func eachRequest(path string, do func(*auditv1.Event)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	reader := bufio.NewReaderSize(file, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // the last line is being written
		}
		if err != nil {
			return err
		}
		if !bytes.Contains(line, []byte(`"username":"`+serviceaccount.ServiceAccountUsernamePrefix)) {
			continue
		}
		event := &auditv1.Event{}
		if err := json.Unmarshal(line, event); err != nil {
			return fmt.Errorf("line %q: %w", line, err)
		}
		do(event)
	}
}

// By are the requests of one user.
func (r Requests) By(user string) Requests {
	return r.Where(func(e *auditv1.Event) bool { return e.User.Username == user })
}

// Writes are the requests that could change an object.
func (r Requests) Writes() Requests { return r.Where(controlplane.IsWrite) }

// On are the requests about a resource: resource, or resource/subresource.
func (r Requests) On(resource string) Requests {
	return r.Where(func(e *auditv1.Event) bool { return resourceOf(e) == resource })
}

// NotOn are the requests about none of the resources.
func (r Requests) NotOn(resources ...string) Requests {
	return r.Where(func(e *auditv1.Event) bool { return !slices.Contains(resources, resourceOf(e)) })
}

// In are the requests about one of the namespaces.
func (r Requests) In(namespaces ...string) Requests {
	return r.Where(func(e *auditv1.Event) bool {
		return e.ObjectRef != nil && slices.Contains(namespaces, e.ObjectRef.Namespace)
	})
}

// After are the requests that were received after a time.
func (r Requests) After(t time.Time) Requests {
	return r.Where(func(e *auditv1.Event) bool { return e.RequestReceivedTimestamp.After(t) })
}

// Succeeded are the requests that were answered with success.
func (r Requests) Succeeded() Requests {
	return r.Where(func(e *auditv1.Event) bool { return e.ResponseStatus != nil && e.ResponseStatus.Code < 300 })
}

// Unanswered are the requests that took too long, or that the API server failed
// over: what became of them is not known.
func (r Requests) Unanswered() Requests {
	return r.Where(func(e *auditv1.Event) bool { return e.ResponseStatus == nil || e.ResponseStatus.Code >= 500 })
}

// String lists the requests.
func (r Requests) String() string {
	lines := make([]string, 0, len(r))
	for i := range r {
		e := &r[i]
		code := int32(0)
		if e.ResponseStatus != nil {
			code = e.ResponseStatus.Code
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s: %d", e.StageTimestamp.UTC().Format("15:04:05.000000"), e.User.Username, e.Verb, e.RequestURI, code))
	}
	return strings.Join(lines, "\n")
}

// Want returns an error unless there are so many requests.
func (r Requests) Want(n int) error {
	if len(r) != n {
		return fmt.Errorf("%d requests, want %d:\n%s", len(r), n, r)
	}
	return nil
}

// Where are the requests for which keep returns true.
func (r Requests) Where(keep func(*auditv1.Event) bool) Requests {
	var kept Requests
	for i := range r {
		if keep(&r[i]) {
			kept = append(kept, r[i])
		}
	}
	return kept
}

func resourceOf(e *auditv1.Event) string {
	switch {
	case e.ObjectRef == nil:
		return ""
	case e.ObjectRef.Subresource != "":
		return e.ObjectRef.Resource + "/" + e.ObjectRef.Subresource
	default:
		return e.ObjectRef.Resource
	}
}
