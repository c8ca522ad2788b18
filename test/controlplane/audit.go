package controlplane

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// AuditEvents returns what the audit logs of all API servers hold, server by
// server, each in the order of its log. A request is in the log before its
// response is sent, once, with stage ResponseComplete; a watch is there at its
// start as well, with stage ResponseStarted.
func (cp *ControlPlane) AuditEvents() ([]auditv1.Event, error) {
	if cp.options.AuditLog == nil {
		return nil, errors.New("read the audit log: Options.AuditLog is not set")
	}
	var events []auditv1.Event
	for server := range cp.apiServers {
		of, err := readAudit(cp.AuditLogPathFor(server))
		if err != nil {
			return nil, fmt.Errorf("read the audit log of API server %d: %w", server, err)
		}
		events = append(events, of...)
	}
	return events, nil
}

// readAudit returns the complete lines of an audit log. The last one may be half
// written while the API server runs.
func readAudit(path string) ([]auditv1.Event, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // made with the first event
	}
	if err != nil {
		return nil, err
	}
	var events []auditv1.Event
	reader := bufio.NewReader(bytes.NewReader(content))
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		var event auditv1.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, err
		}
		events = append(events, event)
	}
}

// IsWrite reports whether an audited request could change an object. Dry runs, and
// requests for reviews (access, tokens), are writes by verb that store nothing.
func IsWrite(event *auditv1.Event) bool {
	switch event.Verb {
	case "get", "list", "watch":
		return false
	}
	if address, err := url.Parse(event.RequestURI); err == nil && address.Query().Has("dryRun") {
		return false
	}
	if ref := event.ObjectRef; ref != nil {
		switch ref.APIGroup {
		case "authorization.k8s.io", "authentication.k8s.io":
			return false
		}
	}
	return true
}
