package controlplane

import (
	"fmt"
	"io"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// Options says what to start. The zero value is one API server with a
// controller manager in a temporary directory.
type Options struct {
	// Dir holds data, certificates and logs. When set it is created if needed and
	// kept by Stop, and a later Start on it continues with the same data and the
	// same certificate authority (on other ports). Empty means a temporary
	// directory, which Stop removes.
	Dir string
	// AssetsDir holds the binaries. Empty means the directory named by the
	// environment variable CONTROLPLANE_ASSETS, else bin/controlplane of the
	// module that encloses the working directory.
	AssetsDir string
	// APIServers is the number of API servers on the one etcd. Less than 1 means 1.
	APIServers int
	// APIServerArgs are appended to the arguments of each API server, for example
	// "--feature-gates=X=true".
	APIServerArgs []string
	// AuditLog makes the API servers log every request; nil means no audit log.
	AuditLog *AuditLog
	// EncryptionConfig is an apiserver.config.k8s.io EncryptionConfiguration in
	// YAML; empty means that the API servers store everything as plain text until
	// Encrypt says otherwise.
	EncryptionConfig []byte
	// EncryptionConfigs are those of single API servers, counted from 0, in the
	// stead of EncryptionConfig.
	EncryptionConfigs map[int][]byte
	// EncryptionReload has API servers look for another encryption config while they
	// run, which they do once a minute.
	EncryptionReload bool
	// Published has the API servers listen on every address of the machine, and
	// Service default/kubernetes say where. Otherwise nobody does: a loopback
	// address is no valid endpoint.
	Published bool
	// EtcdFsync makes etcd sync its log to the disk before it answers, as it does
	// in production. Off by default, because tests survive no power loss.
	EtcdFsync bool
	// NoControllerManager leaves the controller manager out. Namespaces are then
	// never finalized, nothing is garbage-collected, and pods need no service account.
	NoControllerManager bool
	// Output receives the log lines of all components as well. They are always in
	// files in the directory, one per component.
	Output io.Writer
	// Progress receives one line per step of Start; nil means none.
	Progress io.Writer
}

// AuditLog configures the audit log of the API servers.
type AuditLog struct {
	// Level applies to every request, usually auditv1.LevelMetadata (the default)
	// or auditv1.LevelRequest, which adds request bodies.
	Level auditv1.Level
	// Path is the file of API server 0; server i writes to Path.i beside it. Empty
	// means files in the control plane's directory.
	Path string
}

// path returns the audit log file of one API server.
func (a *AuditLog) path(server int) string {
	if server == 0 {
		return a.Path
	}
	return fmt.Sprintf("%s.%d", a.Path, server)
}
