package collect

import (
	"context"
	"errors"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// list reads every kind that a control needs, and namespaces, afresh.
func (n *collection) list(ctx context.Context) error {
	cluster, err := observe.List(ctx, n.Config, observe.StaticOptions{
		FieldManager: n.FieldManager, Owned: n.owned, DNSService: n.DNSService, Needs: n.needs(), Lenient: true,
		PageSize: n.PageSize, PageTimeout: n.PageTimeout, Insistence: n.insistence, Now: n.Now,
	})
	if err != nil {
		return err
	}
	n.cluster = cluster
	for _, r := range cluster.Readings() {
		l := listOf(&r)
		n.manifest.Lists = append(n.manifest.Lists, l)
		if r.Err == nil {
			continue
		}
		message := r.Kind + " could not be read: " + l.Failed
		if r.Kind == string(control.NeedNamespaces) {
			return &failure{ReasonListFailed, message + ": " + r.Err.Error()}
		}
		n.short(ReasonListFailed, message)
		n.Log.Info("A kind could not be collected", "kind", r.Kind, "error", r.Err.Error())
	}
	return nil
}

// needs are what the controls need.
func (n *collection) needs() []control.Need {
	needs := []control.Need{control.NeedNamespaces}
	for _, p := range n.policies {
		for i := range p.Controls {
			needs = append(needs, p.Controls[i].Needs...)
		}
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

// owned says whether the ledger knows that Holdfast created an object.
func (n *collection) owned(kind, namespace, name, uid string) bool {
	owned := false
	n.Recorder.View(func(k *ledger.Known) {
		owned = slices.ContainsFunc(k.Created(namespace), func(o ledger.CreatedObject) bool {
			return o.Kind == kind && o.Name == name && o.UID == uid
		})
	})
	return owned
}

func listOf(r *observe.Reading) ledger.ManifestList {
	return ledger.ManifestList{
		Group: r.Group, Version: r.Version, Resource: r.Resource, Query: r.Query, ResourceVersion: r.ResourceVersion,
		Pages: r.Pages, Count: r.Count, Restarts: r.Restarts, From: ledger.At(r.From), To: ledger.At(r.To), Failed: word(r.Err),
	}
}

// word says in one word why a kind could not be read.
func word(err error) string {
	switch {
	case err == nil:
		return ""
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return control.ReasonForbidden
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return "TimedOut"
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return "Expired"
	default:
		return control.ReasonFailed
	}
}
