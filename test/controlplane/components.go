package controlplane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

const (
	serverCertFile    = "apiserver.crt"
	serverKeyFile     = "apiserver.key"
	serviceAccountKey = "service-account.key"
	authorityFile     = "ca.crt"
	auditPolicyFile   = "audit-policy.yaml"
	managerKubeconfig = "kube-controller-manager.kubeconfig"

	serviceNetwork = "10.0.0.0/24"
	issuer         = "https://kubernetes.default.svc"

	// etcdQuota is the size in bytes at which etcd would refuse writes; large
	// enough for benchmarks with ten thousands of objects.
	etcdQuota = 8 << 30
	// auditFileSize, in MiB, keeps an audit log in one file: readers count on it.
	auditFileSize = 1 << 20
)

// prepareIdentity makes the certificate authority, the key that signs service
// account tokens, and the certificates of the API servers and the admin.
func (cp *ControlPlane) prepareIdentity() error {
	ca, err := openAuthority(cp.dir)
	if err != nil {
		return err
	}
	cp.ca = ca
	if _, err := openKey(cp.path(serviceAccountKey)); err != nil {
		return err
	}
	server, err := ca.issueServer()
	if err != nil {
		return err
	}
	if err := os.WriteFile(cp.path(serverCertFile), server.cert, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(cp.path(serverKeyFile), server.key, 0o600); err != nil {
		return err
	}
	cp.admin, err = ca.issueClient("admin", "system:masters")
	return err
}

// prepareAPIServerFiles writes the files to which API server arguments refer.
func (cp *ControlPlane) prepareAPIServerFiles() error {
	if cp.options.AuditLog != nil {
		if err := cp.prepareAudit(); err != nil {
			return err
		}
	}
	return cp.writeEncryptionConfigs()
}

// prepareAudit completes the audit options and writes the policy. The stage
// RequestReceived is left out, so that a write is one event.
func (cp *ControlPlane) prepareAudit() error {
	audit := *cp.options.AuditLog
	if audit.Level == "" {
		audit.Level = auditv1.LevelMetadata
	}
	if audit.Path == "" {
		audit.Path = cp.path("audit.log")
	}
	path, err := filepath.Abs(audit.Path)
	if err != nil {
		return err
	}
	audit.Path = path
	cp.options.AuditLog = &audit
	policy, err := yaml.Marshal(auditv1.Policy{
		TypeMeta:   metav1.TypeMeta{APIVersion: auditv1.SchemeGroupVersion.String(), Kind: "Policy"},
		OmitStages: []auditv1.Stage{auditv1.StageRequestReceived},
		Rules:      []auditv1.PolicyRule{{Level: audit.Level}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(cp.path(auditPolicyFile), policy, 0o600)
}

// etcdArgs leave the peer port to the system: a lone member talks to nobody.
func (cp *ControlPlane) etcdArgs() []string {
	return []string{
		"--data-dir=" + cp.path("etcd"),
		"--listen-client-urls=" + cp.EtcdURL(),
		"--advertise-client-urls=" + cp.EtcdURL(),
		"--listen-peer-urls=http://" + address("0"),
		fmt.Sprintf("--quota-backend-bytes=%d", etcdQuota),
		fmt.Sprintf("--unsafe-no-fsync=%t", !cp.options.EtcdFsync),
	}
}

func (cp *ControlPlane) apiServerArgs(server int) []string {
	listen := loopback
	if cp.options.Published {
		listen = everywhere
	}
	args := []string{
		"--bind-address=" + listen,
		"--advertise-address=" + loopback,
		"--secure-port=" + cp.apiServerPorts[server],
		// A loopback address is not a valid endpoint of the kubernetes service.
		"--endpoint-reconciler-type=none",
		"--etcd-servers=" + cp.EtcdURL(),
		"--authorization-mode=Node,RBAC",
		"--allow-privileged=true",
		"--client-ca-file=" + cp.path(authorityFile),
		// The controller manager reads these settings from the API server and
		// complains without end when there are none. Nobody has such a certificate.
		"--requestheader-client-ca-file=" + cp.path(authorityFile),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--tls-cert-file=" + cp.path(serverCertFile),
		"--tls-private-key-file=" + cp.path(serverKeyFile),
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + cp.path(serviceAccountKey),
		"--service-account-signing-key-file=" + cp.path(serviceAccountKey),
		"--service-cluster-ip-range=" + serviceNetwork,
	}
	if cp.options.NoControllerManager {
		// Without it nobody makes the service accounts this plugin insists on.
		args = append(args, "--disable-admission-plugins=ServiceAccount")
	}
	if audit := cp.options.AuditLog; audit != nil {
		args = append(args,
			"--audit-policy-file="+cp.path(auditPolicyFile),
			"--audit-log-path="+audit.path(server),
			fmt.Sprintf("--audit-log-maxsize=%d", auditFileSize))
	}
	args = append(args, cp.encryptionArgs(server)...)
	return append(args, cp.options.APIServerArgs...)
}

// controllerManagerArgs run every default controller, each under its own service
// account as in a real cluster, and fast enough for namespaces by the hundred.
func (cp *ControlPlane) controllerManagerArgs(port string) []string {
	kubeconfig := cp.path(managerKubeconfig)
	return []string{
		"--bind-address=" + loopback,
		"--secure-port=" + port,
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + cp.path(serviceAccountKey),
		"--tls-cert-file=" + cp.path(serverCertFile),
		"--tls-private-key-file=" + cp.path(serverKeyFile),
		"--root-ca-file=" + cp.path(authorityFile),
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	}
}

func (cp *ControlPlane) startEtcd(ctx context.Context) error {
	if err := cp.etcd.Start(); err != nil {
		return err
	}
	return cp.etcd.WaitReady(ctx, func(ctx context.Context) error {
		return getOK(ctx, http.DefaultClient, cp.EtcdURL()+"/readyz")
	})
}

func (cp *ControlPlane) startAPIServers(ctx context.Context) error {
	for _, server := range cp.apiServers {
		if err := server.Start(); err != nil {
			return err
		}
	}
	for server := range cp.apiServers {
		if err := cp.awaitAPIServer(ctx, server); err != nil {
			return err
		}
	}
	return nil
}

// awaitAPIServer waits until an API server is ready and its own start has made
// the namespaces every user counts on.
func (cp *ControlPlane) awaitAPIServer(ctx context.Context, server int) error {
	client, err := kubernetes.NewForConfig(cp.RESTConfigFor(server))
	if err != nil {
		return err
	}
	return cp.apiServers[server].WaitReady(ctx, func(ctx context.Context) error {
		if err := client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
			return err
		}
		for _, name := range []string{metav1.NamespaceSystem, corev1.NamespaceDefault} {
			if _, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (cp *ControlPlane) startControllerManager(ctx context.Context) error {
	identity, err := cp.ca.issueClient("system:kube-controller-manager")
	if err != nil {
		return err
	}
	if err := clientcmd.WriteToFile(cp.kubeconfig("system:kube-controller-manager", identity), cp.path(managerKubeconfig)); err != nil {
		return err
	}
	port, err := cp.ports.next()
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{CAData: cp.ca.certPEM}})
	if err != nil {
		return err
	}
	cp.controllerManager = cp.newProcess(controllerManagerBinary, controllerManagerBinary, cp.controllerManagerArgs(port))
	if err := cp.controllerManager.Start(); err != nil {
		return err
	}
	return cp.controllerManager.WaitReady(ctx, func(ctx context.Context) error {
		return getOK(ctx, client, "https://"+address(port)+"/healthz")
	})
}

// getOK gets a URL and insists on status 200.
func getOK(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", url, response.Status, body)
	}
	return nil
}
