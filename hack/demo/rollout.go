package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// The commands that change the policy.
const (
	enforceCommand = `kubectl patch ctlp ` + policyName + ` --type=merge -p '{"spec":{"mode":"Enforce"}}'`
	acceptCommand  = "kubectl apply --server-side --force-conflicts -f hack/demo/manifests/accepted.yaml"
	widenCommand   = `kubectl patch ctlp ` + policyName + ` --type=merge -p '{"spec":{"scope":{"namespaceSelector":{"matchExpressions":` +
		`[{"key":"tier","operator":"NotIn","values":["sandbox"]}]}}}}'`
)

// previews is the number of preview namespaces.
const previews = 12

func showWhy(ctx context.Context, d *demo) error {
	if err := d.shells(ctx, "kubectl holdfast status", "kubectl holdfast explain NET-1 web"); err != nil {
		return err
	}
	out, err := d.shell(ctx, "kubectl holdfast explain NET-1 catalog")
	if err != nil {
		return err
	}
	d.claim("explain names the policy and the rule that open catalog to every namespace", true,
		strings.Contains(out, "allow-partners ingress[0]"))
	return nil
}

func showPreview(ctx context.Context, d *demo) error {
	out, status, err := d.status(ctx, "sed 's/mode: Observe/mode: Enforce/' hack/demo/manifests/policy.yaml | kubectl holdfast diff -f -")
	if err != nil {
		return err
	}
	after, err := d.policies(ctx)
	if err != nil {
		return err
	}
	d.claim("there is something to change (exit status 1)", 1, status)
	d.claim("it would create the default deny that each of the five lacks", true,
		strings.Contains(out, "5 objects in 5 namespaces would change: 5 created, 0 patched, 0 removed."))
	d.claim("the preview changed nothing", true, maps.Equal(d.story.found, after))
	return nil
}

func showEnforce(ctx context.Context, d *demo) error {
	if err := d.shells(ctx, enforceCommand); err != nil {
		return err
	}
	var during map[string]string
	waiting, err := d.awaitStatus(ctx, func(p *v1alpha1.ControlPolicy) bool {
		during, _ = d.policies(ctx) // what is not seen is a claim that does not hold
		return condition(p, v1alpha1.ConditionEnforced) == "False RollingOut" && slices.Contains(protected(during), "default")
	})
	if err != nil {
		return err
	}
	if err := d.shells(ctx, "kubectl get ctlp", "kubectl get networkpolicies -A"); err != nil {
		return err
	}
	d.claim("namespaces with pods wait for their turn", "False RollingOut", condition(waiting, v1alpha1.ConditionEnforced))
	d.claim("default runs no pods, and did not wait", true, slices.Contains(protected(during), "default"))
	return d.showRolledOut(ctx)
}

// showRolledOut waits until every namespace had its turn.
func (d *demo) showRolledOut(ctx context.Context) error {
	began := time.Now()
	policy, err := d.awaitStatus(ctx, func(p *v1alpha1.ControlPolicy) bool {
		return condition(p, v1alpha1.ConditionEnforced) == "True Enforced" && len(subjects(p)) == 2
	})
	if err != nil {
		return err
	}
	d.note("every namespace had its turn after another %.1fs", time.Since(began).Seconds())
	d.printf("\n")
	if err := d.shells(ctx, "kubectl get networkpolicies -A", whyCommand); err != nil {
		return err
	}
	after, err := d.policies(ctx)
	if err != nil {
		return err
	}
	d.claim("exactly the five namespaces that lacked a default deny got one",
		[]string{"catalog", "default", "payments", "shop", "web"}, protected(after))
	d.claim("what others wrote is as it was", true, subset(d.story.found, after))
	d.claim("what undoes the denial is left: it is not Holdfast's to repair", []string{"Namespace catalog", "Namespace web"}, subjects(policy))
	return nil
}

func showPeople(ctx context.Context, d *demo) error {
	if err := d.shells(ctx,
		"kubectl delete networkpolicy -n web allow-all",
		"diff hack/demo/manifests/policy.yaml hack/demo/manifests/accepted.yaml || true", acceptCommand,
		"kubectl wait ctlp/"+policyName+" --for=condition=Conforming --timeout=2m", "kubectl get ctlp -o wide"); err != nil {
		return err
	}
	policy, err := d.awaitStatus(ctx, func(p *v1alpha1.ControlPolicy) bool {
		return condition(p, v1alpha1.ConditionConforming) == "True AllConforming" && condition(p, v1alpha1.ConditionEnforced) == "True Enforced"
	})
	if err != nil {
		return err
	}
	d.claim("every namespace in scope conforms, and what Enforce mode wants is applied", "True AllConforming, True Enforced",
		condition(policy, v1alpha1.ConditionConforming)+", "+condition(policy, v1alpha1.ConditionEnforced))
	return nil
}

func showBrake(ctx context.Context, d *demo) error {
	create := fmt.Sprintf(`seq %d | sed 's/.*/{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"preview-&","labels":{"tier":"preview"}}}/' | kubectl create -o name -f - | wc -l`, previews)
	if err := d.shells(ctx, create, widenCommand); err != nil {
		return err
	}
	held, err := d.awaitStatus(ctx, func(p *v1alpha1.ControlPolicy) bool {
		return condition(p, v1alpha1.ConditionEnforced) == "False RolloutHeld" && condition(p, v1alpha1.ConditionReady) == "True Evaluating"
	})
	if err != nil {
		return err
	}
	before, err := d.policies(ctx)
	if err != nil {
		return err
	}
	if err := d.shells(ctx, `kubectl get ctlp `+policyName+` -o jsonpath='{.status.conditions[?(@.type=="Enforced")].message}{"\n"}'`); err != nil {
		return err
	}
	d.claim("the edit is held", "False RolloutHeld", condition(held, v1alpha1.ConditionEnforced))
	d.claim("none of the twelve namespaces was touched", 0, previewsIn(before))
	if err := d.shells(ctx, fmt.Sprintf("kubectl annotate ctlp %s %s=%d", policyName, v1alpha1.AnnotationConfirmedGeneration, held.Generation)); err != nil {
		return err
	}
	confirmed, err := d.awaitStatus(ctx, func(p *v1alpha1.ControlPolicy) bool {
		return condition(p, v1alpha1.ConditionConforming) == "True AllConforming" && condition(p, v1alpha1.ConditionEnforced) == "True Enforced"
	})
	if err != nil {
		return err
	}
	after, err := d.policies(ctx)
	if err != nil {
		return err
	}
	d.claim("confirmed, it is enforced everywhere", "True Enforced", condition(confirmed, v1alpha1.ConditionEnforced))
	d.claim("all twelve are protected", previews, previewsIn(after))
	return nil
}

// previewsIn is the number of preview namespaces with a policy of Holdfast's.
func previewsIn(policies map[string]string) int {
	return len(slices.DeleteFunc(protected(policies), func(name string) bool { return !strings.HasPrefix(name, "preview-") }))
}
