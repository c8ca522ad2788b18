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
// The operator runs as a user of its own, who may do what the roles in
// config/rbac allow, and no more. All helpers fail the test themselves.
package harness
