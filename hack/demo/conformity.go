package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// whyCommand lists the open episodes of the policy.
const whyCommand = `kubectl get ctlp ` + policyName +
	` -o jsonpath='{range .status.openEpisodes.longest[*]}{.subject}: {.rules[*]} {.message}{"\n"}{end}'`

// workloads are the namespaces with pods.
var workloads = []string{"catalog", "payments", "shop", "web"}

// pods is the number of pods in the manifests.
const pods = 5

func showMess(ctx context.Context, d *demo) error {
	if err := d.shells(ctx, "kubectl apply -f hack/demo/manifests/namespaces.yaml"); err != nil {
		return err
	}
	if err := d.awaitPods(ctx); err != nil {
		return err
	}
	if err := d.shells(ctx, "kubectl get namespaces -L tier", "kubectl get pods,networkpolicies -A"); err != nil {
		return err
	}
	var err error
	d.story.found, err = d.policies(ctx)
	return err
}

// awaitPods waits until the workloads have their pods. There are no nodes: they
// stay pending, and count as pods all the same.
func (d *demo) awaitPods(ctx context.Context) error {
	return wait.PollUntilContextTimeout(ctx, poll, waitLimit, true, func(ctx context.Context) (bool, error) {
		found := 0
		for _, namespace := range workloads {
			var list corev1.PodList
			if err := d.client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
				return false, err
			}
			found += len(list.Items)
		}
		return found == pods, nil
	})
}

func showObserve(ctx context.Context, d *demo) error {
	if err := d.shells(ctx, "sed -n '/^spec:/,$p' hack/demo/manifests/policy.yaml", "kubectl apply -f hack/demo/manifests/policy.yaml"); err != nil {
		return err
	}
	policy, err := d.awaitStatus(ctx, func(p *v1alpha1.ControlPolicy) bool {
		// While it is evaluated for the first time the policy is not ready, and not all of them are counted.
		return condition(p, v1alpha1.ConditionConforming) == "False Deviating" && condition(p, v1alpha1.ConditionReady) == "True Evaluating"
	})
	if err != nil {
		return err
	}
	d.story.firstVerdict = time.Since(d.since)
	if err := d.shells(ctx, "kubectl get ctlp -o wide", whyCommand); err != nil {
		return err
	}
	after, err := d.policies(ctx)
	if err != nil {
		return err
	}
	d.note("the first verdict was there %.1fs after the start", d.story.firstVerdict.Seconds())
	d.claim("catalog, default, payments, shop and web do not deny ingress by default",
		[]string{"Namespace catalog", "Namespace default", "Namespace payments", "Namespace shop", "Namespace web"}, subjects(policy))
	d.claim("every namespace is accounted for: in scope, excluded for a reason, or not selected",
		"6 in scope, 5 excluded, 1 not selected", census(policy))
	d.claim("the finding is recorded, and Holdfast's own work is in order", "True Recorded, True Evaluating",
		condition(policy, v1alpha1.ConditionEvidenceRecorded)+", "+condition(policy, v1alpha1.ConditionReady))
	d.claim("mode Observe changed no network policy", true, maps.Equal(d.story.found, after))
	return nil
}

// protected are the namespaces with a policy of Holdfast's, sorted.
func protected(policies map[string]string) []string {
	var names []string
	for key := range policies {
		if namespace, ok := strings.CutSuffix(key, "/"+denyIngress); ok {
			names = append(names, namespace)
		}
	}
	slices.Sort(names)
	return names
}

// subset reports whether everything in a is in b.
func subset(a, b map[string]string) bool {
	for key, value := range a {
		if b[key] != value {
			return false
		}
	}
	return true
}

func showNew(ctx context.Context, d *demo) error {
	began := time.Now()
	if err := d.shells(ctx, "kubectl create namespace checkout"); err != nil {
		return err
	}
	ended, err := d.endedSince(ctx, began, "checkout", 1)
	if err != nil {
		return err
	}
	if err := d.showEpisodes(ctx, ended); err != nil {
		return err
	}
	applied, err := d.isApplied(ctx, "checkout")
	if err != nil {
		return err
	}
	d.claim("the namespace is protected", true, applied)
	d.claim("its first moments are one episode, of a new subject", []string{"NewSubject → Repaired, repaired 1×"}, describeAll(ended))
	return nil
}
