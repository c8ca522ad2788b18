package networkisolation

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// obstacle is why denying a direction would do harm, or is not proven to do none.
type obstacle struct {
	// why is a clause.
	why string
	// cuts is true where the denial would cut off what works now.
	cuts bool
	// harms is true where what is in place of ours cuts it off now, and nothing
	// that the control states can mend it.
	harms bool
}

// judgeObstacles decides whether the direction is denied. What is not proven to
// do no harm is refused, unless the direction is denied already.
func (i *intent) judgeObstacles(d direction) denial {
	judged := denial{direction: d, obstacles: i.obstacles(d)}
	judged.refused = len(judged.obstacles) > 0 && !i.inForce(d)
	for _, o := range judged.obstacles {
		judged.refused = judged.refused || o.cuts || o.harms
		if o.harms && judged.rollback == "" {
			judged.rollback = o.why
		}
	}
	return judged
}

// obstacles returns what stands against denying the direction.
func (i *intent) obstacles(d direction) []obstacle {
	var all []obstacle
	if d.name == v1alpha1.DirectionEgress {
		all = i.egressObstacles()
	} else {
		all = i.ingressObstacles()
	}
	for _, p := range i.stated {
		if p.required && p.direction == d.name && slices.Contains(i.collisions, p.name) {
			all = append(all, obstacle{why: fmt.Sprintf("NetworkPolicy %s, which Holdfast did not create, takes the name of one that it needs", p.name)})
		}
	}
	return all
}

func (i *intent) egressObstacles() []obstacle {
	var all []obstacle
	dns, stated := allowanceOf(i.in, v1alpha1.AllowDNS)
	if !stated {
		return []obstacle{{why: "it would cut off DNS, which allow does not list"}}
	}
	if why, lasting := dnsObstacle(i.in.Snapshot, dns.CIDRs); lasting && !i.dnsByAddress(i.after()) {
		all = append(all, i.dnsBeyondReach(why))
	} else if why != "" {
		all = append(all, obstacle{why: why})
	}
	for _, p := range i.stated {
		if p.name == AllowAPIServerName && p.missing != "" {
			all = append(all, obstacle{why: p.missing})
		}
	}
	return all
}

// dnsBeyondReach returns the obstacle that DNS is where no allowance reaches it.
func (i *intent) dnsBeyondReach(why string) obstacle {
	works := i.dnsByAddress(i.in.Snapshot.NetworkPolicies) || !(i.isolatedBy(egress(), true) || i.isolatedBy(egress(), false))
	return obstacle{why: why, cuts: works, harms: !works && !i.isolatedBy(egress(), false)}
}

// dnsByAddress reports whether a policy lets every pod reach some addresses on
// the ports of DNS: those may be the host network's, as nobody but its author
// knows.
func (i *intent) dnsByAddress(policies []control.NetworkPolicy) bool {
	dns := observedDNS(i.in.Snapshot)
	policies = slices.DeleteFunc(slices.Clone(policies), func(p control.NetworkPolicy) bool {
		return !selectsEveryPod(p.Spec.PodSelector)
	})
	return dns != nil && slices.ContainsFunc(cidrPorts(*dns), func(port control.Port) bool {
		return len(permittedNetworks(policies, control.PodClass{}, egress(), port).Prefixes()) > 0
	})
}

func (i *intent) ingressObstacles() []obstacle {
	s := i.in.Snapshot
	if reason := unobservedBackends(s); reason != "" {
		return []obstacle{{why: fmt.Sprintf("what the API server calls in the namespace could not be observed (%s)", reason)}}
	}
	_, stated := allowanceOf(i.in, v1alpha1.AllowAdmissionBackends)
	var all []obstacle
	for _, b := range backends(s) {
		switch {
		case stated && b.missing != "":
			all = append(all, obstacle{why: b.missing})
		case stated && b.gates:
			all = append(all, i.deadlock(b)...)
		case !stated && !b.admits(s, i.after()):
			all = append(all, i.backendCutOff(b))
		}
	}
	return all
}

// backendCutOff returns the obstacle that the API server calls what nothing lets
// it reach.
func (i *intent) backendCutOff(b backend) obstacle {
	s := i.in.Snapshot
	o := obstacle{why: fmt.Sprintf("it would cut off Service %s%s and allow does not list AdmissionBackends", b.service, calledBy(b.users))}
	if b.missing == "" {
		o.cuts = b.reachable(s, s.NetworkPolicies)
		o.harms = b.cutOffByUs(s)
	}
	return o
}

// deadlock returns the obstacle that no NetworkPolicy can be written, not even
// the one that would let the API server in: it does not reach whom it asks about
// them. The denial goes first then, and comes back after the permission.
func (i *intent) deadlock(b backend) []obstacle {
	if !b.cutOffByUs(i.in.Snapshot) {
		return nil
	}
	why := fmt.Sprintf("it cuts off Service %s%s without which no NetworkPolicy can be written", b.service, calledBy(b.users))
	return []obstacle{{why: why, harms: true}}
}

// refusals returns what is refused, and why, a sentence each.
func (i *intent) refusals() error {
	var all []error
	refuse := func(reason, format string, args ...any) {
		all = append(all, &control.Refusal{Reason: reason, Message: phrase.Clip(fmt.Sprintf(format, args...), maxMessage)})
	}
	for _, name := range i.collisions {
		refuse(v1alpha1.ReasonNameCollision, "NetworkPolicy %s is left as it is: Holdfast did not create it.", name)
	}
	for _, d := range i.denials {
		if !d.refused {
			continue
		}
		more := ""
		if len(d.obstacles) > 1 {
			more = fmt.Sprintf(" (and %d more)", len(d.obstacles)-1)
		}
		refuse(d.refusal, "Denying %s is refused: %s%s.", d.word, d.obstacles[0].why, more)
	}
	for _, p := range i.permissions {
		beyond := p.spec == nil || (p.lasting && !i.dnsByAddress(i.after()))
		if p.required && beyond && !i.granted(p, i.in.Snapshot.NetworkPolicies) {
			d := directionOf(p.direction)
			refuse(d.refusal, "An allowance of %s cannot be applied: %s.", d.word, p.missing)
		}
	}
	for _, k := range i.kept {
		refuse(v1alpha1.ReasonIngressRefused, "NetworkPolicy %s is kept: %s.", k.name, k.why)
	}
	return errors.Join(all...)
}
