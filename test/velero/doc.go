// Package velero runs the real Velero as processes beside a control plane of
// test/controlplane: its server, with its plugin for S3, and an S3 server that keeps
// each bucket in a directory. Nothing is scripted but what Velero itself is given.
// "make velero" builds the binaries; [Built] tells whether they are there.
//
//	store, err := velero.StartStore(ctx, cp, dir)
//	server, err := velero.Install(ctx, cp, velero.Options{Dir: dir, Store: store})
//	defer func() { err = errors.Join(err, server.Stop(), store.Stop()) }()
//
//	err = server.Create(ctx, server.Backup("nightly", map[string]any{"includedNamespaces": []any{"shop"}}))
//	backup, err := server.AwaitPhase(ctx, velero.KindBackup, "nightly", "Completed")
//	contents, err := server.Contents("nightly")
//	if contents.Has("configmaps", "shop", "prices") {
//
// A [Store] can be stopped and started again, on the same address with the same data;
// a [Server] can be stopped, killed and started again. Its location is looked at
// every ten seconds, which is how soon Velero learns that the store is gone, or back.
//
// There are no nodes, so nothing mounts a volume: of a PersistentVolumeClaim a backup
// holds the object and never the data. What a node agent would report is for tests to
// write, as PodVolumeBackup and DataUpload objects.
//
// The suite of this package stands behind the build tag velero, because the binaries
// take minutes to build; "make e2e" builds them and runs it. A spec that is to run
// with an operator as well takes the cluster of the suite, which has the CRDs of
// Holdfast: see operator_scene_test.go.
package velero
