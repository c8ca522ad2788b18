package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// observe lists once what is judged by policies, as far as the user may.
func (c *cluster) observe(ctx context.Context, wait *progress, dns types.NamespacedName, by ...v1alpha1.ControlPolicy) (*observe.Static, error) {
	wait.at("listing what is judged")
	observed, err := observe.List(ctx, c.config, observe.StaticOptions{FieldManager: enforce.FieldManager, DNSService: dns, Needs: needsOf(by)})
	if err != nil {
		return nil, explained(err, c.config.Host)
	}
	// Every cluster has namespaces.
	seen := false
	observed.Namespaces(func(control.Namespace) bool {
		seen = true
		return false
	})
	if !seen {
		return nil, errors.New("you may not list namespaces: ask for get and list of them, without which nothing can be judged")
	}
	return observed, nil
}

// needsOf are what has to be observed to judge policies. One that cannot be judged
// needs nothing.
func needsOf(policies []v1alpha1.ControlPolicy) []control.Need {
	needs := []control.Need{control.NeedNamespaces}
	for i := range policies {
		def, err := assess.Define(&policies[i])
		if err != nil {
			continue
		}
		for j := range def.Controls {
			needs = append(needs, def.Controls[j].Needs...)
		}
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

// lacking are the rules, in one line each, that the user would need to list what
// was forbidden.
func lacking(observed *observe.Static) []string {
	var rules []string
	for _, r := range observed.Readings() {
		if apierrors.IsForbidden(r.Err) {
			rules = append(rules, permissions.InOneLine(r.Group, r.Resource, "list"))
		}
	}
	return rules
}

// applier returns what asks for dry runs.
func (c *cluster) applier() (*enforce.Applier, error) {
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return nil, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(c.config, client)
	if err != nil {
		return nil, explained(err, c.config.Host)
	}
	return enforce.NewApplier(c.config, client, mapper)
}

// unobserved prints which kinds the user could not list.
func (s screen) unobserved(out *strings.Builder, kinds map[control.Need]string) {
	if len(kinds) == 0 {
		return
	}
	out.WriteString("\n")
	for _, need := range slices.Sorted(maps.Keys(kinds)) {
		s.paragraph(out, "Not observed:", fmt.Sprintf("%s (%s): what hangs on them is not known here.", need, kinds[need]))
	}
}
