package controlplane

import (
	"fmt"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// unlimited is the rest.Config QPS that switches client-side throttling off.
const unlimited = -1

// RESTConfig returns an admin's client configuration for API server 0, without
// client-side throttling. The caller owns it.
func (cp *ControlPlane) RESTConfig() *rest.Config {
	return cp.RESTConfigFor(0)
}

// RESTConfigFor is RESTConfig for one API server, counted from 0.
func (cp *ControlPlane) RESTConfigFor(server int) *rest.Config {
	return cp.restConfig(server, cp.admin)
}

// RESTConfigForUser returns the client configuration of another user for API
// server 0, without client-side throttling. A new user may do nothing until RBAC
// says otherwise.
func (cp *ControlPlane) RESTConfigForUser(user string, groups ...string) (*rest.Config, error) {
	identity, err := cp.ca.issueClient(user, groups...)
	if err != nil {
		return nil, err
	}
	return cp.restConfig(0, identity), nil
}

// Kubeconfig returns the path of an admin's kubeconfig file for API server 0.
func (cp *ControlPlane) Kubeconfig() string {
	return cp.path("admin.kubeconfig")
}

// KubeconfigFor returns the kubeconfig of another user for API server 0, with a
// client certificate. A new user may do nothing until RBAC says otherwise.
func (cp *ControlPlane) KubeconfigFor(user string, groups ...string) ([]byte, error) {
	identity, err := cp.ca.issueClient(user, groups...)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := clientcmd.Write(cp.kubeconfig(user, identity))
	if err != nil {
		return nil, fmt.Errorf("encode the kubeconfig of %s: %w", user, err)
	}
	return kubeconfig, nil
}

// KubectlPath returns the path of the kubectl binary of the same version.
func (cp *ControlPlane) KubectlPath() string {
	return filepath.Join(cp.assets, kubectlBinary)
}

// Dir returns the directory that holds data, certificates and logs.
func (cp *ControlPlane) Dir() string {
	return cp.dir
}

// AuditLogPath returns the audit log of API server 0, or "" without one.
func (cp *ControlPlane) AuditLogPath() string {
	return cp.AuditLogPathFor(0)
}

// AuditLogPathFor returns the audit log of one API server, or "" without one.
func (cp *ControlPlane) AuditLogPathFor(server int) string {
	if cp.options.AuditLog == nil {
		return ""
	}
	return cp.options.AuditLog.path(server)
}

// AuditLogPaths returns the audit logs of all API servers; none without any.
func (cp *ControlPlane) AuditLogPaths() []string {
	var paths []string
	for server := range cp.apiServers {
		if path := cp.AuditLogPathFor(server); path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// EtcdURL returns the client URL of etcd, which serves plain HTTP and gRPC.
func (cp *ControlPlane) EtcdURL() string {
	return "http://" + address(cp.etcdPort)
}

// APIServerPID returns the process id of an API server, 0 while it is stopped.
func (cp *ControlPlane) APIServerPID(server int) int {
	return cp.apiServers[server].PID()
}

// EtcdPID returns the process id of etcd, 0 when it is stopped.
func (cp *ControlPlane) EtcdPID() int {
	return cp.etcd.PID()
}

// ControllerManagerPID returns the process id of the controller manager, 0 when
// it is stopped or was left out.
func (cp *ControlPlane) ControllerManagerPID() int {
	if cp.controllerManager == nil {
		return 0
	}
	return cp.controllerManager.PID()
}

// FreeAddress returns a loopback address for a server of the test's own. Nobody is
// given it again, and no client's connection takes it while the server is down.
func (cp *ControlPlane) FreeAddress() (string, error) {
	port, err := cp.ports.next()
	if err != nil {
		return "", err
	}
	return address(port), nil
}

// Proxy starts a proxy in front of one API server. The caller closes it.
func (cp *ControlPlane) Proxy(server int) (*Proxy, error) {
	listen, err := cp.FreeAddress()
	if err != nil {
		return nil, err
	}
	return newProxy(listen, address(cp.apiServerPorts[server]))
}

func (cp *ControlPlane) restConfig(server int, identity keyPair) *rest.Config {
	return &rest.Config{
		Host: cp.apiServerURL(server),
		QPS:  unlimited,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   cp.ca.certPEM,
			CertData: identity.cert,
			KeyData:  identity.key,
		},
	}
}

func (cp *ControlPlane) apiServerURL(server int) string {
	return "https://" + address(cp.apiServerPorts[server])
}

func (cp *ControlPlane) writeAdminKubeconfig() error {
	return clientcmd.WriteToFile(cp.kubeconfig("admin", cp.admin), cp.Kubeconfig())
}

// kubeconfig returns the kubeconfig of one user for API server 0.
func (cp *ControlPlane) kubeconfig(user string, identity keyPair) clientcmdapi.Config {
	const name = "controlplane"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{
		Server:                   cp.apiServerURL(0),
		CertificateAuthorityData: cp.ca.certPEM,
	}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{
		ClientCertificateData: identity.cert,
		ClientKeyData:         identity.key,
	}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	config.CurrentContext = name
	return *config
}
