// Package e2e tests the invariants of Holdfast: the real operator, with the
// arguments, the service account and the rights that the chart gives it, on a real
// API server. What is asserted is read from the ledger, the API server's audit log
// and the policies' status. At the end of the suite, what was granted is what was
// used, both ways.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// order is the seed of the specs' order, unless -ginkgo.seed says otherwise. Ginkgo's
// own is the time of day: each run would be another one.
const order = 1

// operatorVariable names an operator to test instead of one built from here.
const operatorVariable = "E2E_OPERATOR"

// encrypted has an API server store Secrets and ConfigMaps encrypted.
const encrypted = `
kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: [secrets, configmaps]
  providers:
  - aesgcm: {keys: [{name: first, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}
  - identity: {}
`

func TestE2E(t *testing.T) {
	// Clients are quiet: what a spec has to say is in its failure.
	ctrl.SetLogger(logr.Discard())
	RegisterFailHandler(Fail)
	suite, reporter := GinkgoConfiguration()
	suite.RandomSeed = order
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "ginkgo.seed" {
			suite.RandomSeed = GinkgoRandomSeed()
		}
	})
	RunSpecs(t, "Holdfast", suite, reporter)
}

var (
	// common is the cluster of the specs that share the operator.
	common *harness.Cluster
	// shared is the operator of all specs that leave it alone.
	shared *harness.Operator
	// apart is a second cluster, on which a spec runs an operator of its own.
	apart *harness.Cluster
	// published is a third, whose API server encrypts what it stores, and says where
	// it listens, so that probes reach it. Specs run operators of their own on it.
	published *harness.Cluster
	// proof compares what operators were granted with what they asked for.
	proof *harness.Proof
)

var _ = BeforeSuite(func() {
	tb := newTB()
	binary := os.Getenv(operatorVariable)
	if binary == "" {
		binary = harness.Build(tb, harness.BuildOptions{})
	}
	common = harness.StartCluster(tb, harness.ClusterOptions{Binary: binary, PodNetwork: true})
	apart = harness.StartCluster(tb, harness.ClusterOptions{Binary: binary})
	published = harness.StartCluster(tb, harness.ClusterOptions{Binary: binary,
		ControlPlane: controlplane.Options{Published: true, EncryptionConfig: []byte(encrypted)}})
	shared = common.StartOperator(tb, harness.OperatorOptions{})
	impatient = buildImpatient(tb)
	prepareAged(tb)
})

// What one spec after another left in the shared ledger verifies.
var _ = AfterSuite(func() {
	if shared == nil || !shared.Running() {
		return
	}
	tb := newTB()
	shared.Stop(tb)
	proof = harness.Prove(tb, common, apart, published)
	report := shared.Verify(tb)
	Expect(report.Status).To(Equal(ledger.VerifyValid), "%v %v", report.Problems, report.Missing)
	blind := shared.Evidence(tb).Kind(ledger.KindGap).Where(func(e *ledger.Entry) bool { return e.Gap.Policy == "" })
	Expect(blind.Want(0)).To(Succeed(), "nothing kept the shared operator from observing")
})

// Only the whole suite uses every right.
var _ = ReportAfterSuite("Issues 5 and 6: every permission is needed, and none is missing", func(report Report) {
	const partial = types.SpecStateSkipped | types.SpecStatePending
	if report.SuiteSucceeded && report.SpecReports.CountWithState(partial) == 0 {
		Expect(proof).NotTo(BeNil(), "the shared operator lived until the end")
		Expect(proof.Err()).To(Succeed())
	}
})

// What failed is said once more at the end, and why: of a long output often only the
// end is kept.
var _ = ReportAfterSuite("what failed", func(report Report) {
	for _, spec := range report.SpecReports.WithState(types.SpecStateFailureStates) {
		_, _ = fmt.Fprintf(os.Stdout, "\n%s\n%s\n%s\n", spec.FullText(), spec.FailureLocation(), ends(spec.FailureMessage()))
	}
})

// ends is a text, of which only the beginning and the end are kept where it is long.
func ends(text string) string {
	const most = 2048
	if len(text) <= 2*most {
		return text
	}
	return strings.ToValidUTF8(text[:most]+"\n…\n"+text[len(text)-most:], "")
}

var _ = ReportAfterEach(func(report SpecReport) {
	if report.Failed() && shared != nil {
		GinkgoWriter.Printf("the log of the shared operator ends:\n%s\n", shared.Log())
	}
})
