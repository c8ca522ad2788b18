//go:build velero

package velero_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/coverage"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// generated is how many filters are made by chance.
const generated = 80

// The rule that says what a backup holds of a namespace, without looking into it, is
// compared with what Velero put into it. That single objects bear a label to be left
// out, which the rule does not see, is their owners' will: they are no part of what a
// restore needs.
var _ = Describe("What the coverage rule says of filters", Ordered, ContinueOnFailure, func() {
	var w *world
	tally := map[string]int{}

	BeforeAll(func(ctx context.Context) {
		w = newWorld(ctx, []string{"cover-shop", "cover-a", "cover-b"}, []string{"cover-out"})
		Expect(w.resources).To(ContainElement(widgets))
		for name, policy := range policies {
			create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: velero.Namespace, Name: name}, Data: map[string]string{"policy": policy}})
		}
	})

	try := func(ctx context.Context, name string, filters []control.BackupFilters) {
		GinkgoHelper()
		var disagreements []string
		for i := range filters {
			for _, c := range w.try(ctx, fmt.Sprintf("%s-%d", name, i), filters[i]) {
				tally[c.outcome()]++
				if d := c.disagreement(w); d != "" {
					disagreements = append(disagreements, d)
				}
			}
		}
		if len(disagreements) > 0 {
			Fail(strings.Join(disagreements, "\n"))
		}
	}

	It("is what Velero does with those that are special", func(ctx context.Context) { try(ctx, "edge", edges()) })

	It("is what Velero does with those made by chance", func(ctx context.Context) {
		random := rand.New(rand.NewPCG(7, 7))
		var filters []control.BackupFilters
		for range generated {
			filters = append(filters, generate(random))
		}
		try(ctx, "chance", filters)
	})

	// Or the comparison would be one of nothing with nothing.
	AfterAll(func() {
		for _, outcome := range slices.Sorted(maps.Keys(tally)) {
			GinkgoWriter.Printf("%4d %s\n", tally[outcome], outcome)
		}
		for _, outcome := range []string{"Full, holds all", "Partial, holds some", "None, holds none"} {
			Expect(tally[outcome]).To(BeNumerically(">=", 20), outcome)
		}
	})
})

// comparison is what the rule says of a backup and a namespace, and what is there.
type comparison struct {
	backup, namespace, phase string
	filters                  *control.BackupFilters
	said                     coverage.Coverage
	// template is what the rule says of the filters as they were asked for.
	template coverage.Coverage
	// lacks are the resources of which objects are missing, held is how many objects
	// there are.
	lacks []string
	held  int
}

// try runs a backup, and compares it with the rule, namespace by namespace.
func (w *world) try(ctx context.Context, name string, filters control.BackupFilters) []comparison {
	GinkgoHelper()
	spec, err := specOf(filters)
	Expect(err).NotTo(HaveOccurred())
	create(shared.Backup(name, spec))
	ended, err := shared.AwaitPhase(ctx, velero.KindBackup, name, "Completed", "PartiallyFailed", "Failed", "FailedValidation")
	Expect(err).NotTo(HaveOccurred())
	stored, err := filtersOf(ended)
	Expect(err).NotTo(HaveOccurred())
	contents := velero.Contents{}
	if !refused(velero.Phase(ended)) {
		contents, err = shared.Contents(name)
		Expect(err).NotTo(HaveOccurred())
	}
	var all []comparison
	for _, ns := range w.namespaces {
		Expect(contents.Has("configmaps", ns, excludedObject)).To(BeFalse(), "%s/%s bears the label to be left out", ns, excludedObject)
		c := comparison{backup: name, namespace: ns, phase: velero.Phase(ended), filters: stored,
			said: coverage.Holds(stored, ns), template: coverage.Holds(&filters, ns), held: len(contents.In(ns))}
		for _, item := range w.needed[ns] {
			if _, ok := contents[item]; !ok {
				c.lacks = append(c.lacks, item.Resource)
			}
		}
		slices.Sort(c.lacks)
		c.lacks = slices.Compact(c.lacks)
		all = append(all, c)
	}
	return all
}

// refused is whether a backup ended without looking at anything: its filters were
// found wrong at once, or when they were to be used.
func refused(phase string) bool { return phase == "FailedValidation" || phase == "Failed" }

// outcome is what was said and what is there, in a few words.
func (c *comparison) outcome() string {
	switch {
	case c.held == 0:
		return string(c.said.Extent) + ", holds none"
	case len(c.lacks) == 0:
		return string(c.said.Extent) + ", holds all"
	default:
		return string(c.said.Extent) + ", holds some"
	}
}

// disagreement says how the rule is wrong, or is empty where it is not. It may be
// cautious where it cannot know: with a label selector, as it sees no objects, with a
// resource policy, which it does not read, and with resources that it does not know.
func (c *comparison) disagreement(w *world) string {
	wrong := ""
	switch {
	case refused(c.phase) && c.said.Extent != coverage.None && c.filters.ResourcePolicy == "":
		wrong = "is refused by Velero"
	case !refused(c.phase) && c.said.Reason == coverage.WhyRefused:
		wrong = "is not refused by Velero"
	case c.said.Extent == coverage.Full && len(c.lacks) > 0:
		wrong = "is to be Full"
	case c.said.Extent == coverage.None && c.held > 0:
		wrong = "is to be None"
	case c.said.Extent == coverage.Unknown && c.filters.ResourcePolicy == "":
		wrong = "is Unknown without a policy"
	case c.said.Reason == coverage.WhyResources:
		wrong = c.wrongResources(w)
	case c.said.Extent == coverage.Partial && c.said.Reason != coverage.WhySelector:
		wrong = "is Partial for no known reason"
	case c.template.Extent != c.said.Extent && !slices.Contains(w.excluded, c.namespace):
		wrong = fmt.Sprintf("is %s by its template", c.template.Extent)
	}
	if wrong == "" {
		return ""
	}
	filters, err := json.Marshal(c.filters)
	return fmt.Sprintf("backup %s of %s %s: said %+v, phase %s, holds %d objects, lacks %q; filters %s %v",
		c.backup, c.namespace, wrong, c.said, c.phase, c.held, c.lacks, filters, err)
}

// wrongResources says how the resources that the rule names as left out differ from
// those that are missing, which may be more where a selector or a policy takes from
// what is left. Of custom resources it need not know the names, and of what
// else it does not know it only has to say so.
func (c *comparison) wrongResources(w *world) string {
	lacks := slices.DeleteFunc(slices.Clone(c.lacks), func(resource string) bool { return resource == widgets })
	var named []string
	unknown := false
	for _, left := range c.said.Left {
		switch {
		case left == widgets || !slices.Contains(w.resources, left):
			unknown = true
		case !slices.Contains(lacks, left):
			return "is said to lack " + left
		default:
			named = append(named, left)
		}
	}
	more := c.filters.LabelSelector != nil || len(c.filters.OrLabelSelectors) > 0 || c.filters.ResourcePolicy != ""
	if !unknown && !more && !slices.Equal(named, lacks) {
		return fmt.Sprintf("is said to lack no more than %q", named)
	}
	return ""
}
