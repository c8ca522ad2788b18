// Package canary writes an object through an API server, and reads from that
// server's metrics how it was stored.
package canary

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe/apiserver"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

const (
	// maxCanaries is how many are written until one is found in the metrics: behind
	// a load balancer, another API server than the one that is read may store one.
	maxCanaries = 20
	// enoughSilent is how many canaries a process must have stored without counting
	// a transformation until it is taken for one that transforms nothing.
	enoughSilent = 2
)

// Prober writes canaries in one namespace. One of its probes at a time may be under
// way: all canaries have the same name, so that no right reaches further.
type Prober struct {
	config    *rest.Config
	namespace string
	usual     *apiserver.Client
	table     permissions.Table
}

// New returns a prober that writes into a namespace, with the rights of config.
func New(config *rest.Config, namespace string) (*Prober, error) {
	usual, err := apiserver.New(config)
	if err != nil {
		return nil, err
	}
	return &Prober{config: config, namespace: namespace, usual: usual, table: permissions.Holdfast()}, nil
}

// Probe returns how the API server at an endpoint stores objects of a resource. The
// error is an *unseen.Error. It holds nothing of the canary's content, which is
// random, and known to nobody else.
func (p *Prober) Probe(ctx context.Context, target control.CanaryTarget) (*control.Stored, error) {
	if target.Resource != "secrets" && target.Resource != "configmaps" {
		return nil, unseen.Inconclusive("Canaries of %s are not known.", target.Resource)
	}
	client, err := apiserver.At(p.config, target.Endpoint)
	if err != nil {
		return nil, unseen.Inconclusive("The API server's address %q cannot be dialled.", target.Endpoint)
	}
	defer client.Close()
	o := &observer{Prober: p, client: client, target: target}
	return o.observe(ctx)
}

// observer is one probe.
type observer struct {
	*Prober
	client *apiserver.Client
	target control.CanaryTarget
}

// observe writes canaries until the metrics tell how they are stored.
func (o *observer) observe(ctx context.Context) (*control.Stored, error) {
	before, err := o.read(ctx)
	if err != nil {
		return nil, err
	}
	silent, restarts, changes := 0, 0, 0
	for range maxCanaries {
		if err := o.write(ctx); err != nil {
			return nil, err
		}
		after, err := o.read(ctx)
		if err != nil {
			return nil, err
		}
		g := grown(before, after)
		before = after
		switch providers := g.providers(); {
		case g.restarted:
			silent = 0
			restarts++
		case len(providers) == 1, len(providers) > 1 && after.unlabelled:
			return g.stored(after), nil
		case len(providers) > 1: // the encryption config was replaced in between
			changes++
		case g.served:
			if silent++; silent == enoughSilent {
				return o.transformsNothing(after)
			}
		}
	}
	return nil, o.undecided(restarts, changes)
}

// transformsNothing is the result of an API server that stores objects of the
// resource and counts no transformation: there is no encryption config for them, or
// the metric is switched off, which cannot be told from it.
func (o *observer) transformsNothing(after *reading) (*control.Stored, error) {
	if after.disabled > 0 {
		return nil, unseen.Inconclusive("The API server %s has metrics switched off, and counts no transformation to storage of %s: start it without --disabled-metrics.",
			o.target.Endpoint, o.target.Resource)
	}
	return &control.Stored{NoTransformer: true, ConfigHash: after.config}, nil
}

// undecided says why so many canaries showed nothing.
func (o *observer) undecided(restarts, changes int) error {
	switch {
	case restarts > 0:
		return unseen.Inconclusive("The metrics of %s came from different processes while %d canaries were written: an API server restarted, or the address is that of several.",
			o.target.Endpoint, maxCanaries)
	case changes > 0:
		return unseen.Inconclusive("The encryption config of %s was replaced while canaries were written.", o.target.Endpoint)
	}
	return unseen.Inconclusive("None of %d canaries shows in the metrics of %s: the address is that of several API servers, or it does not count what it stores.",
		maxCanaries, o.target.Endpoint)
}

// read takes a reading of the API server's metrics.
func (o *observer) read(ctx context.Context) (*reading, error) {
	body, err := o.client.Stream(ctx, "/metrics")
	if err != nil {
		return nil, o.metricsRefused(err)
	}
	defer func() { _ = body.Close() }()
	samples, err := parse(body, o.target.Resource)
	switch {
	case ctx.Err() != nil:
		return nil, o.unreachable(ctx.Err())
	case err != nil:
		return nil, unseen.Inconclusive("The metrics of the API server %s cannot be read: they are cut short, or not in the text format.", o.target.Endpoint)
	}
	return read(samples, o.target.Resource), nil
}

// metricsRefused says why there are no metrics.
func (o *observer) metricsRefused(err error) error {
	switch apiserver.Code(err) {
	case 0:
		return o.unreachable(err)
	case http.StatusUnauthorized, http.StatusForbidden:
		return unseen.Forbidden("The API server %s does not let Holdfast read its metrics: %s.", o.target.Endpoint, o.table.MissingMetrics())
	case http.StatusNotFound:
		return &unseen.Error{Reason: control.ReasonNotTestable, Message: fmt.Sprintf("The API server %s serves no metrics.", o.target.Endpoint)}
	}
	return unseen.Inconclusive("The API server %s answers a request for its metrics with %d.", o.target.Endpoint, apiserver.Code(err))
}

// unreachable says why there is no answer.
func (o *observer) unreachable(err error) error {
	return unseen.Inconclusive("The API server %s gave no answer: %s.", o.target.Endpoint, unseen.Why(err))
}
