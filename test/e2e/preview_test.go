package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/preview"
	"github.com/holdfast-dev/holdfast/test/harness"
)

const (
	// seedVariable is another seed for the states of namespaces.
	seedVariable = "E2E_SEED"
	// generated is the number of namespaces in generated states.
	generated = 50
)

var _ = Describe("Preview", func() {
	It("predicts exactly what enforcing then does, in namespaces in generated states", func() {
		s := prepareOwn("preview", harness.OperatorOptions{})
		p := &prediction{scene: s, plugin: s.Plugin(s.tb), file: filepath.Join(GinkgoT().TempDir(), "policies.yaml"), policies: s.overlapping()}
		p.prepare(seedOf())
		writePolicies(p.file, p.policies)

		before, found := p.live(), p.explained()
		plan := p.diff(1)
		Expect(p.live()).To(Equal(before), "a preview changes nothing")
		Expect(plan.Changes()).To(BeNumerically(">", generated), "the states have something to change")
		mark := p.enforce()

		after := p.live()
		p.changedAsAnnounced(plan, before, after)
		p.wroteAsAnnounced(plan, before, mark)
		p.saysAsAnnounced(plan)
		p.isolatedAsAnnounced(plan, before, after)
		p.agreesWithEvaluator(plan, found, p.explained())

		again := p.diff(0)
		Expect(again.Changes()).To(BeZero())
		Expect(problemsOf(again)).To(Equal(problemsOf(plan)))
		Expect(impactsOf(again)).To(BeEmpty(), "what was cut off is")
	})
})

// seedOf is the seed of the generated states.
func seedOf() uint64 {
	seed := uint64(1)
	if value := os.Getenv(seedVariable); value != "" {
		var err error
		seed, err = strconv.ParseUint(value, 10, 64)
		Expect(err).NotTo(HaveOccurred())
	}
	AddReportEntry("seed", seed)
	return seed
}

// prediction compares what the plugin announces with what the operator does.
type prediction struct {
	*scene
	plugin   *harness.Plugin
	file     string
	policies []*v1alpha1.ControlPolicy
	names    []string
}

// prepare makes the namespaces. Another policy was enforced in some of them, and
// is gone; what it applied was altered since then, while no operator ran.
func (p *prediction) prepare(seed uint64) {
	GinkgoHelper()
	d := p.dns(intstr.FromString("dns"), intstr.FromString("dns-tcp"))
	d.start(coreDNS("coredns", 5353))
	d.serves(5353, true)
	var states []*state
	for i := range uint64(generated) {
		n := p.generate(rand.New(rand.NewPCG(seed, i)), fmt.Sprintf("%s-%03d", p.name, i))
		states, p.names = append(states, n), append(p.names, n.name)
		if n.hook != nil {
			DeferCleanup(func(ctx context.Context) { Expect(client.IgnoreNotFound(p.Delete(ctx, n.hook))).To(Succeed()) })
		}
	}
	harness.Each(p.tb, states, (*state).begin)

	former := p.enforcing("-former", labelBefore).Deny(v1alpha1.DirectionIngress, v1alpha1.DirectionEgress).Allow(
		v1alpha1.Allowance{Type: v1alpha1.AllowDNS}, v1alpha1.Allowance{Type: v1alpha1.AllowSameNamespace},
		v1alpha1.Allowance{Type: v1alpha1.AllowAdmissionBackends}, fromZone("from-gateway", "a"), fromZone("old", "b")).Build()
	atOnce(former)
	Expect(p.Create(context.Background(), former)).To(Succeed())
	p.op.Start(p.tb)
	p.rests(former.Name)
	p.DeletePolicy(p.tb, former.Name)
	p.eventually("the policy is withdrawn", func() error {
		return p.op.Evidence(p.tb).Of(former.Name).Kind(ledger.KindControlWithdrawn).Want(1)
	})
	p.op.Stop(p.tb)
	harness.Each(p.tb, states, (*state).goOn)

	// What the evaluator finds, before and after, is asked of a policy that observes.
	p.Apply(p.tb, harness.Policy(p.seen()).Select(label, p.name).Deny(v1alpha1.DirectionIngress, v1alpha1.DirectionEgress))
}

func writePolicies(file string, policies []*v1alpha1.ControlPolicy) {
	GinkgoHelper()
	var documents [][]byte
	for _, policy := range policies {
		document, err := yaml.Marshal(policy)
		Expect(err).NotTo(HaveOccurred())
		documents = append(documents, document)
	}
	Expect(os.WriteFile(file, bytes.Join(documents, []byte("---\n")), 0o600)).To(Succeed())
}

// rests waits until the operator has nothing left to do for policies.
func (p *prediction) rests(policies ...string) {
	GinkgoHelper()
	for _, name := range policies {
		harness.EventuallyWithin(p.tb, 3*harness.Patience, "policy "+name+" is evaluated, and what it wants is applied or refused", func() error {
			policy := p.GetPolicy(p.tb, name)
			c := enforced(policy)
			if c == nil || c.ObservedGeneration != policy.Generation || meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionReconciling) != nil {
				return fmt.Errorf("its status is not of generation %d", policy.Generation)
			}
			paused := c.Reason == v1alpha1.ReasonPaused && strings.Contains(c.Message, "all begin at once")
			if c.Reason == v1alpha1.ReasonPending || c.Reason == v1alpha1.ReasonRollingOut || paused {
				return fmt.Errorf("%s: %s", c.Reason, c.Message)
			}
			return nil
		})
	}
	p.settle()
}

// enforce puts the policies in force, all at the end of one pause, in a cluster
// that the operator knows completely, and returns once it is at rest again.
func (p *prediction) enforce() harness.AuditMark {
	GinkgoHelper()
	p.op.Start(p.tb)
	p.eventually("everything is observed", func() error {
		c := meta.FindStatusCondition(p.GetPolicy(p.tb, p.seen()).Status.Conditions, v1alpha1.ConditionConforming)
		if c == nil || c.Status == metav1.ConditionUnknown {
			return fmt.Errorf("%v", c)
		}
		return nil
	})
	p.settle()
	mark, until := p.Mark(p.tb), metav1.NewTime(time.Now().Add(10*time.Second).Truncate(time.Second))
	var names []string
	for _, policy := range p.policies {
		names = append(names, policy.Name)
	}
	harness.Each(p.tb, p.policies, func(policy *v1alpha1.ControlPolicy) error {
		policy = policy.DeepCopy()
		if policy.Spec.Enforcement.Pause == nil {
			policy.Spec.Enforcement.Pause = &v1alpha1.Pause{Reason: "all begin at once", Until: until}
		}
		return p.Create(context.Background(), policy)
	})
	Expect(time.Now()).To(BeTemporally("<", until.Time), "all of them exist before one is in force")
	p.eventually("the pause is over", func() error {
		if time.Now().Before(until.Time) {
			return errors.New("it is not")
		}
		return nil
	})
	p.rests(names...)
	return mark
}

// seen is the policy that observes.
func (p *prediction) seen() string { return p.name + "-seen" }

// diff asks what putting the policies in force would do.
func (p *prediction) diff(wantStatus int) *preview.Plan {
	GinkgoHelper()
	output, status := p.plugin.Run(p.tb, "diff", "-f", p.file, "-o", "json")
	Expect(status).To(Equal(wantStatus), "%s", output)
	plan := &preview.Plan{}
	Expect(json.Unmarshal(output, plan)).To(Succeed())
	for i := range plan.Namespaces {
		Expect(plan.Namespaces[i].Unobserved).To(BeEmpty())
	}
	return plan
}

// object is a NetworkPolicy in a namespace.
type object struct{ namespace, name string }

func (o object) String() string { return o.namespace + "/" + o.name }

// live are all NetworkPolicies of the namespaces.
func (p *prediction) live() map[object]*unstructured.Unstructured {
	GinkgoHelper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("networking.k8s.io/v1")
	list.SetKind("NetworkPolicyList")
	Expect(p.List(context.Background(), list)).To(Succeed())
	all := map[object]*unstructured.Unstructured{}
	for i := range list.Items {
		o := &list.Items[i]
		if slices.Contains(p.names, o.GetNamespace()) {
			all[object{o.GetNamespace(), o.GetName()}] = o
		}
	}
	return all
}

// specOf is the spec of an object as JSON has it, or nil.
func specOf(o *unstructured.Unstructured) any {
	if o == nil {
		return nil
	}
	return plain(o.Object["spec"])
}

// plain is a value as JSON has it.
func plain[T any](v T) (decoded any) {
	GinkgoHelper()
	encoded, err := json.Marshal(v)
	Expect(err).NotTo(HaveOccurred())
	Expect(json.Unmarshal(encoded, &decoded)).To(Succeed())
	return decoded
}

// changedAsAnnounced compares, object by object, what was announced with what is
// there: nothing else was written, not even as it was.
func (p *prediction) changedAsAnnounced(plan *preview.Plan, before, after map[object]*unstructured.Unstructured) {
	GinkgoHelper()
	want, got := map[string]any{}, map[string]any{}
	for name, o := range before {
		want[name.String()] = versioned(o)
	}
	for _, n := range plan.Namespaces {
		for _, o := range n.Objects {
			name := object{o.Namespace, o.Name}
			Expect(o.Predicted).To(BeFalse(), "%s: %s", name, o.Note)
			Expect(o.Note).To(BeEmpty(), "%s", name)
			Expect(cmp.Diff(specOf(before[name]), plain(o.Before))).To(BeEmpty(), "%s before", name)
			if delete(want, name.String()); o.Verb != preview.Remove {
				want[name.String()] = plain(o.After)
			}
			if live := after[name]; live != nil {
				got[name.String()] = specOf(live)
			}
		}
	}
	for name, o := range after {
		if _, announced := got[name.String()]; !announced {
			got[name.String()] = versioned(o)
		}
	}
	Expect(cmp.Diff(want, got)).To(BeEmpty(), "NetworkPolicies (-announced +there)")
}

// versioned is an object that nobody was to touch.
func versioned(o *unstructured.Unstructured) any {
	return map[string]any{"resourceVersion": o.GetResourceVersion(), "spec": specOf(o)}
}

// wroteAsAnnounced compares the requests: the changes were made in the order that
// was announced, and nothing else was asked for.
func (p *prediction) wroteAsAnnounced(plan *preview.Plan, before map[object]*unstructured.Unstructured, mark harness.AuditMark) {
	GinkgoHelper()
	want, got := map[string][]string{}, map[string][]string{}
	for _, n := range plan.Namespaces {
		for _, o := range n.Objects {
			want[n.Name] = append(want[n.Name], string(o.Verb)+" "+o.Name)
		}
	}
	writes := p.Since(p.tb, mark).By(p.op.User).Writes()
	for _, w := range writes.On("networkpolicies") {
		Expect(w.ResponseStatus.Code).To(Or(BeEquivalentTo(http.StatusOK), BeEquivalentTo(http.StatusCreated)), "%s", harness.Requests{w})
		namespace, name, verb := w.ObjectRef.Namespace, w.ObjectRef.Name, preview.Create
		switch _, existed := before[object{namespace, name}]; {
		case w.Verb == "delete":
			verb = preview.Remove
		case existed:
			verb = preview.Patch
		}
		// What is removed in the name of one policy may be made in that of another:
		// announced is what becomes of the object.
		got[namespace] = slices.DeleteFunc(got[namespace], func(made string) bool { return strings.HasSuffix(made, " "+name) })
		got[namespace] = append(got[namespace], string(verb)+" "+name)
	}
	Expect(cmp.Diff(want, got)).To(BeEmpty(), "writes (-announced +made)")
	Expect(writes.NotOn("networkpolicies", "leases", "events", "controlpolicies/status", "configmaps").Want(0)).To(Succeed())
}

// gravity orders the reasons of the condition Enforced: it says the gravest, of
// the first namespace, and how many namespaces have one.
func gravity() []string {
	return []string{v1alpha1.ReasonNameCollision, v1alpha1.ReasonPolicyConflict, v1alpha1.ReasonEgressRefused, v1alpha1.ReasonIngressRefused}
}

// saysAsAnnounced compares the condition Enforced of each policy with the
// refusals and contradictions that were announced.
func (p *prediction) saysAsAnnounced(plan *preview.Plan) {
	GinkgoHelper()
	for _, policy := range p.policies {
		concerned, worst := map[string]bool{}, preview.Problem{}
		for _, n := range plan.Namespaces {
			for _, problem := range n.Problems {
				Expect(gravity()).To(ContainElement(problem.Reason))
				if !slices.ContainsFunc(problem.Controls, func(c string) bool { return strings.HasPrefix(c, policy.Name+"/") }) {
					continue
				}
				concerned[n.Name] = true
				if worst.Reason == "" || slices.Index(gravity(), problem.Reason) < slices.Index(gravity(), worst.Reason) {
					worst = preview.Problem{Reason: problem.Reason, Message: fmt.Sprintf("namespace %s: %s", n.Name, problem.Message)}
				}
			}
		}
		got := enforced(p.GetPolicy(p.tb, policy.Name))
		if policy.Spec.Enforcement.Pause != nil && worst.Reason != v1alpha1.ReasonPolicyConflict {
			Expect(got.Reason).To(Equal(v1alpha1.ReasonPaused), "%s", policy.Name)
			continue
		}
		if len(concerned) > 1 {
			worst.Message = fmt.Sprintf("%d namespaces are concerned; the first: %s", len(concerned), worst.Message)
		}
		Expect(got.Reason).To(Equal(worst.Reason), "%s: %s", policy.Name, got.Message)
		// Long messages are cut.
		Expect(worst.Message).To(HavePrefix(strings.TrimSuffix(got.Message, "…")), "%s", policy.Name)
	}
}

// problemsOf are the problems by namespace.
func problemsOf(plan *preview.Plan) map[string][]preview.Problem {
	found := map[string][]preview.Problem{}
	for _, n := range plan.Namespaces {
		if len(n.Problems) > 0 {
			found[n.Name] = n.Problems
		}
	}
	return found
}

// impactsOf are the namespaces of which something would be cut off.
func impactsOf(plan *preview.Plan) []string {
	found := map[string]bool{}
	for _, n := range plan.Namespaces {
		if len(n.Impact.Isolated)+len(n.Impact.Exposures)+len(n.Impact.Backends) > 0 {
			found[n.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
