package operator

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// resolvConf says by which addresses the process resolves names (resolv.conf(5)).
const resolvConf = "/etc/resolv.conf"

// findDNS returns the Service of the cluster's DNS: the one that the flag names,
// else the one by whose address this pod resolves names. It is empty where there
// is none, as outside a cluster.
func findDNS(ctx context.Context, clients *kubernetes.Clientset, flag string) (types.NamespacedName, error) {
	if flag != "" {
		return parseService(flag)
	}
	text, _ := os.ReadFile(resolvConf) // what is no pod may resolve names in another way
	addresses := nameservers(string(text))
	if len(addresses) == 0 {
		return types.NamespacedName{}, nil
	}
	services, err := clients.CoreV1().Services(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil && !apierrors.IsForbidden(err) { // of that the observer tells
		return types.NamespacedName{}, fmt.Errorf("find the cluster's DNS: %w", err)
	}
	return serviceAt(services.Items, addresses), nil
}

// parseService reads namespace/name.
func parseService(text string) (types.NamespacedName, error) {
	namespace, name, ok := strings.Cut(text, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return types.NamespacedName{}, fmt.Errorf("-dns-service: %q is not namespace/name, such as kube-system/kube-dns", text)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// nameservers are the addresses that a resolv.conf names.
func nameservers(text string) []string {
	var addresses []string
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			addresses = append(addresses, fields[1])
		}
	}
	return addresses
}

// serviceAt is the Service with one of the addresses as a cluster IP.
func serviceAt(services []corev1.Service, addresses []string) types.NamespacedName {
	for i := range services {
		s := &services[i]
		if slices.ContainsFunc(s.Spec.ClusterIPs, func(ip string) bool { return slices.Contains(addresses, ip) }) {
			return types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
		}
	}
	return types.NamespacedName{}
}
