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

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// observe lists once what is judged, as far as the user may.
func (c *cluster) observe(ctx context.Context, wait *progress, dns types.NamespacedName) (*observe.Static, error) {
	wait.at("listing what is judged")
	observed, err := observe.List(ctx, c.config, observe.StaticOptions{FieldManager: enforce.FieldManager, DNSService: dns})
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
