package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
)

// serviceName is a Service on a command line: namespace/name.
type serviceName struct{ types.NamespacedName }

// String implements pflag.Value.
func (s *serviceName) String() string {
	if s.Name == "" {
		return ""
	}
	return s.NamespacedName.String()
}

// Set implements pflag.Value.
func (s *serviceName) Set(text string) error {
	namespace, name, found := strings.Cut(text, "/")
	if !found || namespace == "" || name == "" || strings.Contains(name, "/") {
		return errors.New("want namespace/name, such as kube-system/kube-dns")
	}
	s.NamespacedName = types.NamespacedName{Namespace: namespace, Name: name}
	return nil
}

// Type implements pflag.Value.
func (s *serviceName) Type() string { return "namespace/name" }

// dnsFlag adds the flag that says which Service is the cluster's DNS. The
// operator may find that out by itself, from where it runs.
func dnsFlag(cmd *cobra.Command, dns *serviceName) {
	cmd.Flags().Var(dns, "dns-service", "Service of the cluster's DNS, where it is not kube-system/kube-dns")
}
