package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// completionTimeout bounds what a completion asks a cluster: nobody waits longer
// for one, and without it there is none.
const completionTimeout = 3 * time.Second

// completePolicies completes the name of one policy.
func (c *connection) completePolicies(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, p := range c.completing(cmd.Context()) {
		names = append(names, p.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeControls completes a control, and then the name of a namespace.
func (c *connection) completeControls(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		var names []string
		for _, p := range c.completing(cmd.Context()) {
			for _, control := range p.Spec.Controls {
				names = append(names, p.Name+"/"+control.ID)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	case 1:
		return c.completingNamespaces(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
	default:
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeContexts completes the name of a context of the kubeconfig.
func (c *connection) completeContexts(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	config, err := c.loader().RawConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return slices.Sorted(maps.Keys(config.Contexts)), cobra.ShellCompDirectiveNoFileComp
}

// completing are the policies of the cluster, if it answers.
func (c *connection) completing(ctx context.Context) []v1alpha1.ControlPolicy {
	to, err := c.open()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	policies, err := to.policies(ctx)
	if err != nil {
		return nil
	}
	return policies
}

func (c *connection) completingNamespaces(ctx context.Context) []string {
	to, err := c.open()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	var list corev1.NamespaceList
	if err := to.List(ctx, &list); err != nil {
		return nil
	}
	var names []string
	for _, n := range list.Items {
		names = append(names, n.Name)
	}
	return names
}
