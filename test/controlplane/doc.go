// Package controlplane starts and stops a real Kubernetes control plane: etcd,
// one or more API servers with RBAC, and the controller manager. There are no
// nodes, so pods stay pending. The demo, the test suites and the benchmarks all
// use it; nothing that decides about a cluster is tested on a fake client.
//
// The binaries are built by "make controlplane". Everything listens on the
// loopback interface on free ports, and everything a run writes is in one
// directory, which [ControlPlane.Stop] removes unless [Options.Dir] names it.
//
//	cp, err := controlplane.Start(ctx, controlplane.Options{Progress: os.Stdout})
//	if err != nil {
//		return err
//	}
//	defer func() { err = errors.Join(err, cp.Stop()) }()
//
//	if err := controlplane.InstallCRDs(ctx, cp.RESTConfig(), "config/crd"); err != nil {
//		return err
//	}
//	mgr, err := ctrl.NewManager(cp.RESTConfig(), ctrl.Options{})
//
// In a Ginkgo suite Start belongs into BeforeSuite and Stop into AfterSuite; one
// start takes a few seconds, so one control plane per package is the rule.
//
// A watch that stalls while its process stays healthy is made with a [Proxy]:
//
//	proxy, err := cp.Proxy(0)
//	cfg := proxy.RESTConfig(cp.RESTConfig())
//	// … a manager runs with cfg …
//	proxy.Freeze()
package controlplane
