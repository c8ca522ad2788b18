package preflight

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// requestLimit is how long one request may take.
const requestLimit = 10 * time.Second

// Options say what the operator needs.
type Options struct {
	// Namespace is the operator's own.
	Namespace string
	// Lease is the name of the lease that it holds there; empty means none.
	Lease string
}

// Checker looks at an API server as the operator would use it, with requests that
// the operator makes anyhow.
type Checker struct {
	Options

	cfg     *rest.Config
	clients *kubernetes.Clientset
	objects *dynamic.DynamicClient
	ours    []*apiextensionsv1.CustomResourceDefinition
}

// New returns a checker. It makes no request.
func New(cfg *rest.Config, opts Options) (*Checker, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.Timeout = requestLimit
	ours, err := own()
	if err != nil {
		return nil, err
	}
	c := &Checker{Options: opts, cfg: cfg, ours: ours}
	if c.clients, err = kubernetes.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	if c.objects, err = dynamic.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return c, nil
}

// Check returns the first Problem that there is, and what the CRDs have beyond
// those of this release, by name, where there is none.
func (c *Checker) Check(ctx context.Context) (newer map[string]string, err error) {
	server, err := c.clients.Discovery().ServerVersionWithContext(ctx)
	if err != nil {
		return nil, Explain(c.cfg, "read its version", err)
	}
	if err := checkVersion(server.GitVersion); err != nil {
		return nil, err
	}
	if newer, err = c.checkCRDs(ctx); err != nil {
		return nil, err
	}
	for _, resource := range []string{"controlpolicies", "evidenceschedules"} {
		kind := v1alpha1.GroupVersion.WithResource(resource)
		if _, err := c.objects.Resource(kind).List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
			return nil, c.explainList(resource, err)
		}
	}
	return newer, c.checkNamespace(ctx)
}

// explainList explains why a list of Holdfast's objects failed.
func (c *Checker) explainList(resource string, err error) error {
	if apierrors.IsNotFound(err) { // the CRDs could not be read, or their endpoint is not up yet
		return &Problem{What: "the API server does not serve " + resource + "." + v1alpha1.GroupVersion.Group, Remedy: remedyCRDs}
	}
	return Explain(c.cfg, fmt.Sprintf("list %s.%s", resource, v1alpha1.GroupVersion.Group), err)
}

// checkCRDs compares the CRDs with those of this release. Where they may not be
// read nothing is said of them: of that the observer tells.
func (c *Checker) checkCRDs(ctx context.Context) (map[string]string, error) {
	newer := map[string]string{}
	for _, ours := range c.ours {
		live, err := c.readCRD(ctx, ours.Name)
		if apierrors.IsForbidden(err) {
			return nil, nil
		}
		if err != nil {
			return nil, Explain(c.cfg, "list customresourcedefinitions", err)
		}
		beyond, err := compare(ours, live)
		if err != nil {
			return nil, err
		}
		if len(beyond) > 0 {
			newer[ours.Name] = first(beyond)
		}
	}
	return newer, nil
}

// readCRD reads a CRD by a list, which the operator may do. It is nil where there
// is none.
func (c *Checker) readCRD(ctx context.Context, name string) (*apiextensionsv1.CustomResourceDefinition, error) {
	resource := apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions")
	byName := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()}
	list, err := c.objects.Resource(resource).List(ctx, byName)
	if err != nil || len(list.Items) == 0 {
		return nil, err
	}
	live := &apiextensionsv1.CustomResourceDefinition{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[0].Object, live); err != nil {
		return nil, &Problem{What: fmt.Sprintf("the CustomResourceDefinition %s cannot be read", name), Cause: err, Remedy: remedyCRDs}
	}
	return live, nil
}

// checkNamespace looks at what the operator keeps in its own namespace.
func (c *Checker) checkNamespace(ctx context.Context) error {
	byName := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, c.Namespace).String()}
	list, err := c.clients.CoreV1().Namespaces().List(ctx, byName)
	switch {
	case apierrors.IsForbidden(err): // of that the observer tells
	case err != nil:
		return Explain(c.cfg, "list namespaces", err)
	case len(list.Items) == 0:
		return &Problem{What: fmt.Sprintf("there is no namespace %s", c.Namespace),
			Remedy: "create it, or have --namespace name the one that the operator runs in"}
	}
	if c.Lease == "" {
		return nil
	}
	return c.checkLease(ctx)
}

// checkLease tries to take the lease without taking it. Who may not waits for it
// for ever, which looks like another process that holds it.
func (c *Checker) checkLease(ctx context.Context) error {
	leases := c.clients.CoordinationV1().Leases(c.Namespace)
	tried := []string{metav1.DryRunAll}
	lease, err := leases.Get(ctx, c.Lease, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: c.Lease, Namespace: c.Namespace}}
		if _, err = leases.Create(ctx, lease, metav1.CreateOptions{DryRun: tried}); apierrors.IsAlreadyExists(err) {
			err = nil
		}
		if err != nil {
			return c.explainLease("create", err)
		}
	}
	if err != nil {
		return c.explainLease("get", err)
	}
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{DryRun: tried})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || apierrors.IsInvalid(err) { // another process was faster
		return nil
	}
	return c.explainLease("update", err)
}

func (c *Checker) explainLease(verb string, err error) error {
	return Explain(c.cfg, fmt.Sprintf("%s the lease %s in namespace %s", verb, c.Lease, c.Namespace), err)
}
