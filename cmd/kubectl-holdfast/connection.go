package main

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// connection says which cluster to talk to, and as whom, by the flags that
// kubectl has for it.
type connection struct {
	rules     *clientcmd.ClientConfigLoadingRules
	overrides *clientcmd.ConfigOverrides
}

func newConnection() *connection {
	return &connection{rules: clientcmd.NewDefaultClientConfigLoadingRules(), overrides: &clientcmd.ConfigOverrides{}}
}

// bind adds the flags, under kubectl's names.
func (c *connection) bind(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&c.rules.ExplicitPath, "kubeconfig", "", "path to the kubeconfig file")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	// What these commands read is named by arguments, not by a namespace.
	names.ContextOverrideFlags.Namespace = clientcmd.FlagInfo{}
	clientcmd.BindOverrideFlags(c.overrides, flags, names)
}

// loader reads the kubeconfig, or what a pod is given.
func (c *connection) loader() clientcmd.ClientConfig {
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(c.rules, c.overrides)
}

// cluster is a connected cluster.
type cluster struct {
	client.Client
	config *rest.Config
}

// open connects to the cluster.
func (c *connection) open() (*cluster, error) {
	config, err := c.loader().ClientConfig()
	if err != nil {
		return nil, unconfigured(err)
	}
	// Priority and fairness of the API server bound what these commands ask.
	config.QPS = -1
	config.UserAgent = "kubectl-holdfast"
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	// Warnings of the API server are for those who write.
	config.WarningHandler = rest.NoWarnings{}
	reader, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, explained(err, config.Host)
	}
	return &cluster{Client: reader, config: config}, nil
}

// unconfigured says what to do without a usable kubeconfig.
func unconfigured(err error) error {
	if clientcmd.IsEmptyConfig(err) {
		return errors.New("no cluster is configured: name a kubeconfig file with --kubeconfig or in KUBECONFIG")
	}
	return fmt.Errorf("read the kubeconfig: %w", err)
}

// explained says of an error of the API server, or of the way to it, what to do.
func explained(err error, host string) error {
	var unreachable *url.Error
	switch {
	case err == nil:
		return nil
	case meta.IsNoMatchError(err):
		return fmt.Errorf("the cluster at %s does not serve ControlPolicies (%s): Holdfast is not installed there; "+
			"install it with kubectl apply -k config, or name another cluster with --context", host, v1alpha1.GroupVersion)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the cluster at %s does not know who you are: %w; look at the credentials of the context, or name another with --context", host, err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w; ask for that permission, which the ClusterRole holdfast-viewer gives for policies", err)
	case errors.As(err, &unreachable):
		return fmt.Errorf("the cluster at %s cannot be reached: %w; is it the right --context?", host, unreachable.Err)
	default:
		return err
	}
}
