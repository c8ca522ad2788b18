package operator

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/preflight"
)

// Lease is the name of the lease by which one process acts at a time.
const Lease = "holdfast.dev"

// Facts are what has to be known before anything starts.
type Facts struct {
	cluster ledger.ClusterBody
	self    ledger.OperatorBody
	// objects are what self names by digest.
	objects []ledger.Object
	// dns is the Service of the cluster's DNS; empty where it is not known.
	dns types.NamespacedName
}

// Prepare learns the facts, and waits for as long as something keeps the operator
// from working, such as CRDs that are not installed: the probes and the log say
// what. It returns an error where waiting mends nothing, as of a wrong flag.
func Prepare(ctx context.Context, cfg *rest.Config, opts Options, probes *Probes) (*Facts, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	needs := preflight.Options{Namespace: opts.Namespace}
	if opts.LeaderElection {
		needs.Lease = Lease
	}
	checker, err := preflight.New(cfg, needs)
	if err != nil {
		return nil, err
	}
	clients, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	facts := &Facts{}
	waiter := &preflight.Waiter{Waiting: probes.Waiting, Log: opts.Log}
	return facts, waiter.Until(ctx, func(ctx context.Context) error {
		newer, err := checker.Check(ctx)
		if err != nil {
			return err
		}
		if err := facts.learn(ctx, cfg, clients, opts); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(newer)) {
			opts.Log.Info("A CustomResourceDefinition is of a newer release: what this one does not know of it does nothing", "name", name, "beyond", newer[name])
		}
		return nil
	})
}

// learn asks the API server for the facts.
func (f *Facts) learn(ctx context.Context, cfg *rest.Config, clients *kubernetes.Clientset, opts Options) (err error) {
	if f.cluster, err = identify(ctx, cfg, clients); err != nil {
		return preflight.Explain(cfg, "identify the cluster by its namespace kube-system", err)
	}
	if f.self, f.objects, err = describe(ctx, clients, opts); err != nil {
		return preflight.Explain(cfg, "read its own permissions", err)
	}
	if f.dns, err = findDNS(ctx, clients, opts.DNSService); err != nil {
		return preflight.Explain(cfg, "find the cluster's DNS", err)
	}
	return nil
}
