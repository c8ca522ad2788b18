package synthetic

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// namespace is one namespace of the cluster.
type namespace struct {
	control.Namespace
	shape shape
	// gone is true once it was deleted.
	gone bool
	// ingresses are its Ingresses.
	ingresses []*control.Ingress
	// objects are those that Holdfast applied, by name.
	objects map[string]*object
	// proven is, during a pass that a change asked for, the last sign of life of
	// the watch before the change.
	proven time.Time
	// busy is until when nothing else happens to it.
	busy time.Time
	// repairs are when its objects were repaired within the last hour; until
	// calm, none is, because they are fought.
	repairs []time.Time
	calm    time.Time
	fought  bool
	// known is true once the operator made a pass over it, dirty where something
	// changed since the last collection.
	known, dirty bool
	// part is its part of an evaluator's inputs, encoded.
	part assess.Part
}

// object is one object that Holdfast applied.
type object struct {
	ledger.ObjectVersion
	// manager is the field manager of the newest change.
	manager string
}

// cluster is all there is to observe.
type cluster struct {
	dice       dice
	namespaces []*namespace // by name, without those that are gone
	version    uint64       // the newest resourceVersion
}

// The label that policies select namespaces by, and its values.
const (
	tierLabel  = "tier"
	production = "production"
	restricted = "restricted"
)

// teams give namespaces their names.
func teams() []string {
	return []string{"billing", "checkout", "catalog", "identity", "ledger", "mail", "orders", "payments", "pricing", "search", "shipping", "support"}
}

// build makes the cluster as it is at the start.
func (s *simulation) build() {
	builtin := []string{"kube-node-lease", "kube-public", "kube-system", "holdfast-system", "default"}
	for _, name := range builtin {
		s.add(name, "", s.opts.Start.Add(-400*day))
	}
	s.add("legacy-batch", production, s.opts.Start.Add(-390*day))
	for len(s.namespaces) < s.opts.Namespaces {
		n := s.add(s.name(), s.tier(), s.opts.Start.Add(-s.dice.between(10*day, 380*day)))
		n.shape.owners = s.dice.chance(85)
	}
}

// tier is what a namespace is labelled as.
func (s *simulation) tier() string {
	switch p := s.dice.IntN(100); {
	case p < 65:
		return production
	case p < 75:
		return restricted
	default:
		return "development"
	}
}

// name returns a name that no namespace ever had.
func (s *simulation) name() string {
	s.named++
	all := teams()
	return fmt.Sprintf("%s-%03d", all[s.dice.IntN(len(all))], s.named)
}

// add creates a namespace. What is created at a time has that time to the second.
func (s *simulation) add(name, tier string, at time.Time) *namespace {
	n := &namespace{
		Namespace: control.Namespace{Name: name, UID: s.cluster.dice.uid(), CreatedAt: at.Truncate(time.Second),
			Labels: map[string]string{corev1.LabelMetadataName: name}},
		objects: map[string]*object{},
	}
	n.shape.pods = s.dice.IntN(3)
	if tier != "" {
		n.Labels[tierLabel] = tier
	}
	i, _ := slices.BinarySearchFunc(s.namespaces, name, byName)
	s.namespaces = slices.Insert(s.namespaces, i, n)
	s.cluster.version++
	s.census.members++
	return n
}

func byName(n *namespace, name string) int {
	switch {
	case n.Name < name:
		return -1
	case n.Name > name:
		return 1
	default:
		return 0
	}
}

// label gives a namespace another tier.
func (n *namespace) label(tier string) {
	labels := map[string]string{}
	for key, value := range n.Labels {
		labels[key] = value
	}
	labels[tierLabel] = tier
	n.Labels, n.part = labels, assess.Part{}
}

// remove deletes a namespace.
func (s *simulation) remove(n *namespace) {
	n.gone = true
	s.namespaces = slices.DeleteFunc(s.namespaces, func(o *namespace) bool { return o == n })
	s.cluster.version++
	s.census.members++
}

// next makes the next resourceVersion.
func (c *cluster) next() string {
	c.version += 1 + c.dice.Uint64N(9)
	return c.newest()
}

// newest is the newest resourceVersion.
func (c *cluster) newest() string { return strconv.FormatUint(c.version, 10) }

// pick returns a namespace with a label that nothing is happening to; nil if
// chance does not find one soon.
func (s *simulation) pick(tier string) *namespace {
	for range 50 {
		n := s.namespaces[s.dice.IntN(len(s.namespaces))]
		if n.Labels[tierLabel] == tier && n.Name != "legacy-batch" && n.busy.Before(s.now) {
			return n
		}
	}
	return nil
}
