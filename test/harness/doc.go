// Package harness runs the real operator against a real API server, and reads
// what came of it: from the ledger, the API server's audit log, the policies'
// status and the operator's metrics.
//
//	cluster := harness.StartCluster(t, harness.ClusterOptions{})
//	op := cluster.StartOperator(t, harness.OperatorOptions{})
//
//	cluster.Namespace(t, "shop", "tier", "production")
//	cluster.Apply(t, harness.Policy("baseline").Enforce().Select("tier", "production").Deny("Ingress"))
//	harness.Eventually(t, "the namespace is protected", func() error {
//		return op.Evidence(t).Episodes().Of("baseline").Want(1)
//	})
//
// Each operator is a release of the chart, installed with helm. It runs with the
// arguments and the environment of the Deployment that the chart rendered, and
// with the token of its ServiceAccount: what it may do is what the chart grants,
// and no more. All helpers fail the test themselves.
//
// Such an operator's process is the test's, to be stopped, killed and started at
// will. A Node is for tests of an installation as a whole: it runs the pods that
// the controllers make of the Deployment.
package harness
