package probe

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe/canary"
	"github.com/holdfast-dev/holdfast/internal/probe/certificate"
	"github.com/holdfast-dev/holdfast/internal/probe/dryrun"
	"github.com/holdfast-dev/holdfast/internal/probe/handshake"
	"github.com/holdfast-dev/holdfast/internal/probe/repository"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// reload is how long what serves a certificate may take to notice a new one.
const reload = 3 * time.Second

// kindOfProbe is how targets of one kind are probed.
type kindOfProbe struct {
	probe Func
	// prepare is done once, before the first probe, where it is set: whoever asks for
	// no such probe grants no rights to prepare one.
	prepare func(context.Context)
	// concurrency is how many at once it bears; 0 means as many as the others.
	concurrency int
}

// realProbes returns how each kind is probed.
func realProbes(o *Options) (map[string]kindOfProbe, error) {
	if o.Config == nil {
		return noProbes(), nil
	}
	canaries, err := canary.New(o.Config, o.OwnNamespace)
	if err != nil {
		return nil, fmt.Errorf("make the probe of API servers: %w", err)
	}
	certificates, err := certificate.New(o.Config)
	if err != nil {
		return nil, fmt.Errorf("make the probe of certificates: %w", err)
	}
	identity := dryrun.Identity{Namespace: cmp.Or(o.Prober.Namespace, o.OwnNamespace), Name: cmp.Or(o.Prober.ServiceAccount, permissions.ProberName)}
	guards, err := dryrun.New(o.Config, identity, o.Now)
	if err != nil {
		return nil, fmt.Errorf("make the probe of guards: %w", err)
	}
	repositories, err := repository.New(o.Config)
	if err != nil {
		return nil, fmt.Errorf("make the probe of repositories: %w", err)
	}
	hosts := &hostProber{hosts: &handshake.Prober{}, certificates: certificates}
	return map[string]kindOfProbe{
		control.ProbeCanary: {concurrency: 1, prepare: canaries.CleanUp, probe: func(ctx context.Context, w Wanted, seen *control.Observation) (err error) {
			seen.Stored, err = canaries.Probe(ctx, *w.Canary)
			return err
		}},
		control.ProbeCertificate: {probe: func(ctx context.Context, w Wanted, seen *control.Observation) (err error) {
			seen.PublicHalf, err = certificates.Probe(ctx, *w.Certificate)
			return err
		}},
		control.ProbeGuard: {concurrency: 4, probe: func(ctx context.Context, w Wanted, seen *control.Observation) (err error) {
			var namespaces []string
			if o.Namespaces != nil {
				namespaces = o.Namespaces(w.Policy)
			}
			seen.Refused, err = guards.Probe(ctx, *w.Guard, namespaces)
			return err
		}},
		control.ProbeHandshake: {probe: hosts.probe},
		control.ProbeRepository: {concurrency: 1, probe: func(ctx context.Context, w Wanted, seen *control.Observation) (err error) {
			seen.Password, err = repositories.Probe(ctx, *w.Repository)
			return err
		}},
	}, nil
}

// noProbes is how each kind is probed where there is no API server to ask.
func noProbes() map[string]kindOfProbe {
	nothing := kindOfProbe{probe: func(context.Context, Wanted, *control.Observation) error {
		return unseen.Inconclusive("This is not probed without a cluster.")
	}}
	return map[string]kindOfProbe{
		control.ProbeCanary: nothing, control.ProbeHandshake: nothing, control.ProbeCertificate: nothing, control.ProbeGuard: nothing,
		control.ProbeRepository: nothing,
	}
}

// hostProber connects to hosts, and reads what they are to serve.
type hostProber struct {
	hosts        *handshake.Prober
	certificates *certificate.Prober
}

// probe looks at a host, and at the Secret whose certificate it is to serve. Where
// they differ, both are looked at once more: a certificate that was just renewed is
// served a little later.
func (h *hostProber) probe(ctx context.Context, w Wanted, seen *control.Observation) error {
	err := h.look(ctx, w.Handshake, seen)
	if err != nil || !differ(seen) {
		return err
	}
	select {
	case <-time.After(reload):
	case <-ctx.Done():
		return nil // what was seen stands
	}
	again := control.Observation{Target: seen.Target}
	if h.look(ctx, w.Handshake, &again) == nil {
		*seen = again
	}
	return nil
}

// look looks at the Secret and then at the host. Where the Secret may not be read,
// the host is seen all the same.
func (h *hostProber) look(ctx context.Context, target *control.HandshakeTarget, seen *control.Observation) (err error) {
	if target.Secret != nil {
		seen.PublicHalf, _ = h.certificates.Probe(ctx, *target.Secret)
	}
	seen.Served, err = h.hosts.Probe(ctx, *target)
	return err
}

// differ is whether a host serves another certificate than the Secret's.
func differ(seen *control.Observation) bool {
	half, served := seen.PublicHalf, seen.Served
	return half != nil && half.Leaf != nil && served.Leaf != nil && half.Leaf.SHA256 != served.Leaf.SHA256
}
