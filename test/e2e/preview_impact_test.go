package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/preview"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// reach is a direction in a namespace.
type reach struct {
	namespace string
	direction networkingv1.PolicyType
}

func (r reach) String() string { return fmt.Sprintf("%s for %s", r.namespace, r.direction) }

// isolatedAsAnnounced compares the pods of which it was announced that they would
// become isolated with those that did: by the NetworkPolicies before and after,
// and not by Holdfast's own judgement.
func (p *prediction) isolatedAsAnnounced(plan *preview.Plan, before, after map[object]*unstructured.Unstructured) {
	GinkgoHelper()
	announced := map[string]bool{}
	for _, n := range plan.Namespaces {
		pods := map[reach]int{}
		for _, class := range n.Impact.Isolated {
			at := reach{n.Name, class.Direction}
			for _, pod := range p.podsOf(n.Name, class.Pods) {
				announced[at.String()+", pod "+pod] = true
			}
			pods[at] += class.Number
		}
		for at, number := range pods {
			of := slices.DeleteFunc(slices.Collect(maps.Keys(announced)), func(pod string) bool { return !strings.HasPrefix(pod, at.String()+",") })
			Expect(of).To(HaveLen(number), "%s", at)
		}
	}
	became := map[string]bool{}
	for _, name := range p.names {
		for _, pod := range p.pods(name) {
			for _, direction := range []networkingv1.PolicyType{ingressType, egressType} {
				if !isolates(before, &pod, direction) && isolates(after, &pod, direction) {
					became[reach{name, direction}.String()+", pod "+pod.Name] = true
				}
			}
		}
	}
	Expect(cmp.Diff(announced, became)).To(BeEmpty(), "pods that became isolated (-announced +did)")
	Expect(became).NotTo(BeEmpty())
}

// pods are the pods of a namespace that NetworkPolicies reach.
func (p *prediction) pods(namespace string) []corev1.Pod {
	GinkgoHelper()
	list := &corev1.PodList{}
	Expect(p.List(context.Background(), list, client.InNamespace(namespace))).To(Succeed())
	return slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool { return pod.Spec.HostNetwork })
}

// podsOf are the names of the pods of a class.
func (p *prediction) podsOf(namespace, class string) []string {
	GinkgoHelper()
	selector, err := labels.Parse(strings.TrimPrefix(strings.TrimPrefix(class, "pods"), " "))
	Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, pod := range p.pods(namespace) {
		if selector.Matches(labels.Set(pod.Labels)) {
			names = append(names, pod.Name)
		}
	}
	return names
}

// isolates reports whether a NetworkPolicy isolates the pod.
func isolates(policies map[object]*unstructured.Unstructured, pod *corev1.Pod, direction networkingv1.PolicyType) bool {
	GinkgoHelper()
	for name, o := range policies {
		if name.namespace != pod.Namespace {
			continue
		}
		np := &networkingv1.NetworkPolicy{}
		Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, np)).To(Succeed())
		selector, err := metav1.LabelSelectorAsSelector(&np.Spec.PodSelector)
		Expect(err).NotTo(HaveOccurred())
		// The API server writes the default of policyTypes in.
		if slices.Contains(np.Spec.PolicyTypes, direction) && selector.Matches(labels.Set(pod.Labels)) {
			return true
		}
	}
	return false
}

// explanation is what explain says of a control.
type explanation struct {
	Subjects []struct {
		Subject  struct{ Name string }
		Findings []struct {
			Rule  string
			Facts map[string]string
		}
	}
}

// evaluated are the parts of the facts of the evaluator's findings that say what
// was found, by namespace and rule.
type evaluated map[string]map[string][]string

// explained asks the plugin for the findings about the namespaces.
func (p *prediction) explained() evaluated {
	GinkgoHelper()
	output, status := p.plugin.Run(p.tb, "explain", p.seen()+"/"+harness.FirstControl, "-o", "json")
	Expect(status).To(BeZero(), "%s", output)
	var said explanation
	Expect(json.Unmarshal(output, &said)).To(Succeed())
	Expect(said.Subjects).To(HaveLen(len(p.names)))
	found := evaluated{}
	for _, subject := range said.Subjects {
		rules := map[string][]string{}
		for _, finding := range subject.Findings {
			if text := finding.Facts["found"]; text != "" {
				// Pods without a label that tells them from others are some pods.
				rules[finding.Rule] = strings.Split(strings.ReplaceAll(text, "some pods ", "pods "), "; ")
			}
		}
		found[subject.Subject.Name] = rules
	}
	return found
}

// agreesWithEvaluator compares what was announced to be cut off with what the
// evaluator finds before and after: pods that are not isolated (NP-06), what is
// open to anybody (NP-07), and ways in (NP-09).
func (p *prediction) agreesWithEvaluator(plan *preview.Plan, before, after evaluated) {
	GinkgoHelper()
	announced := map[reach][]string{}
	for _, n := range plan.Namespaces {
		for _, class := range n.Impact.Isolated {
			at := reach{n.Name, class.Direction}
			announced[at] = append(announced[at], class.Pods)
		}
		for _, e := range n.Impact.Exposures {
			p.closed(n.Name, e, before[n.Name], after[n.Name])
		}
	}
	for _, name := range p.names {
		for _, direction := range []networkingv1.PolicyType{ingressType, egressType} {
			at := reach{name, direction}
			was, is := bare(before[name], direction), bare(after[name], direction)
			switch {
			case slices.Contains(is, "every pod"):
				Expect(announced[at]).To(BeEmpty(), "%s", at)
			case slices.Contains(was, "every pod"):
				Expect(announced[at]).NotTo(BeEmpty(), "%s", at)
			default:
				stays := func(class string) bool { return slices.Contains(is, class) }
				Expect(announced[at]).To(ConsistOf(slices.DeleteFunc(was, stays)), "%s", at)
			}
		}
	}
}

// bare are the classes of pods that no NetworkPolicy isolates.
func bare(found map[string][]string, direction networkingv1.PolicyType) []string {
	var classes []string
	for _, text := range found["NP-06"] {
		if class, is := strings.CutSuffix(text, " "+strings.ToLower(string(direction))); is {
			classes = append(classes, class)
		}
	}
	return classes
}

// closed checks that a way in, of which it was announced what would become, led
// to pods that were open before; and that these are not open to anybody after,
// unless a rule of NetworkPolicies is.
func (p *prediction) closed(namespace string, e preview.Exposure, before, after map[string][]string) {
	GinkgoHelper()
	what := fmt.Sprintf("%s to %s at port %s of namespace %s", e.Way, e.Pods, e.Port, namespace)
	Expect(openFor(before, e.Pods)).NotTo(BeEmpty(), what)
	for _, rules := range []map[string][]string{before, after} {
		kind, name, _ := strings.Cut(e.Way, " ")
		name, _, _ = strings.Cut(name, " ")
		isNamed := func(text string) bool {
			return strings.HasPrefix(text, kind+" "+name+" ") || strings.HasPrefix(text, kind+" "+name+":")
		}
		if kind != "host" {
			Expect(slices.ContainsFunc(rules["NP-09"], isNamed)).To(BeTrue(), "%s: %s", what, rules["NP-09"])
		}
	}
	if e.Verdict == preview.Denied {
		Expect(openFor(after, e.Pods)).NotTo(ContainElement(HaveSuffix(": "+e.Port)), what)
	}
}

// openFor is what is open to anybody of the ingress of a class of pods.
func openFor(found map[string][]string, class string) []string {
	return slices.DeleteFunc(slices.Clone(found["NP-07"]), func(text string) bool {
		return !strings.HasPrefix(text, class+" ingress: ") && !strings.HasPrefix(text, "every pod ingress: ")
	})
}
