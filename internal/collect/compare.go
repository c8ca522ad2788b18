package collect

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// know takes what is recorded as comparing begins, and which scopes are to be
// compared: those that were read, and those that are recorded. The cluster is one
// where a control may judge what it has.
func (n *collection) know(context.Context) error {
	n.listed, n.names = map[string]struct{}{}, map[string]struct{}{}
	n.cluster.Namespaces(func(ns control.Namespace) bool {
		n.listed[ns.Name], n.names[ns.Name] = struct{}{}, struct{}{}
		return true
	})
	if slices.ContainsFunc(n.policies, (*policy).judgesObjects) {
		n.names[control.Cluster] = struct{}{}
	}
	n.Recorder.View(func(k *ledger.Known) {
		evidence := k.Evidence()
		n.manifest.Seq, n.manifest.Gaps = k.NextSeq, k.OpenGaps()
		n.manifest.RetentionSeconds, n.manifest.Access = evidence.RetentionSeconds, evidence.Access
		for _, p := range n.policies {
			p.know(k)
			for _, m := range k.Members(p.Name) {
				n.names[ledger.ScopeOf(m.Subject)] = struct{}{}
			}
		}
	})
	return nil
}

// await waits for targets that were not probed yet: what rests on them could not
// be compared.
func (n *collection) await(ctx context.Context) error {
	if n.Probed == nil {
		return nil
	}
	patience, cancel := context.WithTimeout(ctx, n.Patience)
	defer cancel()
	for name := range n.names {
		for {
			if _, awaited := n.Probed(name); !awaited {
				break
			}
			select {
			case <-patience.Done():
				return ctx.Err()
			case <-time.After(pollEvery):
			}
		}
	}
	return nil
}

// compare holds every scope against what is recorded, in order.
func (n *collection) compare(ctx context.Context) error {
	versions := n.cluster.Versions()
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s := &scope{name: name, versions: versions}
		_, s.listed = n.listed[name]
		if err := n.read(s); err != nil {
			return err
		}
		n.Recorder.View(func(k *ledger.Known) {
			differences, compared := n.hold(k, s)
			n.body.Compared += compared
			s.differing, s.open = len(differences), len(differences) > 0
		})
		if s.open {
			n.differing = append(n.differing, s)
		}
		if err := n.chunks.add(s); err != nil {
			return err
		}
	}
	return nil
}

// census ends the manifest. Every unit is counted once, or there is none (E2).
func (n *collection) census(context.Context) (err error) {
	if n.manifest.Chunks, err = n.chunks.finish(); err != nil {
		return err
	}
	for _, s := range n.differing {
		switch {
		case s.name == control.Cluster:
		case s.exists && !s.listed:
			n.manifest.Appeared++
		case !s.exists && s.listed:
			n.manifest.Gone++
		}
	}
	total := len(n.listed) + n.manifest.Appeared - n.manifest.Gone
	n.manifest.Policies = []ledger.ManifestPolicy{}
	var objects []ledger.Object
	for _, p := range n.policies {
		for _, t := range p.controls {
			if t.JudgesNamespaces() {
				t.census.Total = total
			}
			if err := t.check(p.Name); err != nil {
				return err
			}
		}
		n.manifest.Policies = append(n.manifest.Policies, p.manifest())
		objects = append(objects, p.objects()...)
	}
	return n.put(objects...)
}
