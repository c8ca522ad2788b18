package main

import (
	"context"
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	veleroNamespace = "velero"
	// planName is the manifest's plan.
	planName       = "nightly"
	planSchedule   = "17 3 * * *"
	locationName   = "default"
	backupTTL      = 8784 * time.Hour
	scheduleLabel  = "velero.io/schedule-name"
	everything     = "*"
	backupDuration = 40 * time.Second
)

// backup is what backups differ in.
type backup struct {
	// plan is the Schedule that it is a run of.
	name, plan string
	// namespace is what it selects, everything for all.
	namespace string
}

// veleroObjects writes the objects of Velero, as Velero does: there is none.
type veleroObjects struct {
	client dynamic.Interface
	// clusterUID is the cluster's, which every backup bears.
	clusterUID string
}

func newVeleroObjects(ctx context.Context, c *cluster) (*veleroObjects, error) {
	cfg := rest.CopyConfig(c.controlPlane.RESTConfig())
	cfg.NextProtos = []string{"http/1.1"}
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	system, err := c.client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return &veleroObjects{client: client, clusterUID: string(system.UID)}, nil
}

func (v *veleroObjects) of(resource string) dynamic.ResourceInterface {
	return v.client.Resource(schema.GroupVersionResource{Group: "velero.io", Version: "v1", Resource: resource}).Namespace(veleroNamespace)
}

func (v *veleroObjects) create(ctx context.Context, resource, kind, name string, labels map[string]string, parts map[string]any) error {
	object := &unstructured.Unstructured{Object: parts}
	object.SetAPIVersion("velero.io/v1")
	object.SetKind(kind)
	object.SetName(name)
	object.SetLabels(labels)
	_, err := v.of(resource).Create(ctx, object, metav1.CreateOptions{FieldManager: fieldManager})
	return err
}

// createPlan creates the plan that covers all namespaces, and where its backups go.
func (v *veleroObjects) createPlan(ctx context.Context) error {
	err := v.create(ctx, "backupstoragelocations", "BackupStorageLocation", locationName, nil, map[string]any{
		"spec": map[string]any{
			"provider": "velero.io/aws", "default": true, "validationFrequency": "24h",
			"objectStorage": map[string]any{"bucket": "backups"},
			"config":        map[string]any{"region": "eu-central-1", "kmsKeyId": "alias/backups"},
		},
		"status": map[string]any{"phase": "Available", "lastValidationTime": stampOf(time.Now())},
	})
	if err != nil {
		return err
	}
	return v.create(ctx, "schedules", "Schedule", planName, nil, map[string]any{
		"spec": map[string]any{
			"schedule": planSchedule,
			"template": map[string]any{
				"includedNamespaces": []any{everything},
				"storageLocation":    locationName,
				"ttl":                backupTTL.String(),
				"metadata":           map[string]any{"labels": map[string]any{control.ClusterLabel: v.clusterUID}},
			},
		},
		"status": map[string]any{"phase": "Enabled"},
	})
}

// createEnded creates a backup that was completed.
func (v *veleroObjects) createEnded(ctx context.Context, b backup, begun time.Time) error {
	return v.createBackup(ctx, b, completed(begun))
}

// run creates a backup, and has it begin and end as Velero does, without the time
// that it takes.
func (v *veleroObjects) run(ctx context.Context, b backup, begun time.Time) error {
	if err := v.createBackup(ctx, b, nil); err != nil {
		return err
	}
	for _, status := range []map[string]any{{"phase": "InProgress", "startTimestamp": stampOf(begun)}, completed(begun)} {
		if err := pause(ctx, relabelPause); err != nil {
			return err
		}
		patch, err := json.Marshal(map[string]any{"status": status})
		if err != nil {
			return err
		}
		if _, err := v.of("backups").Patch(ctx, b.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager}); err != nil {
			return err
		}
	}
	return pause(ctx, relabelPause)
}

// createBackup creates a backup with what Velero fills in, and a status if there is one.
func (v *veleroObjects) createBackup(ctx context.Context, b backup, status map[string]any) error {
	parts := map[string]any{"spec": map[string]any{
		"csiSnapshotTimeout":               "10m0s",
		"defaultVolumesToFsBackup":         false,
		"excludedClusterScopedResources":   []any{"volumesnapshotcontents.snapshot.storage.k8s.io"},
		"excludedNamespaceScopedResources": []any{"volumesnapshots.snapshot.storage.k8s.io"},
		"hooks":                            map[string]any{},
		"includedNamespaces":               []any{b.namespace},
		"itemOperationTimeout":             "4h0m0s",
		"metadata":                         map[string]any{"labels": map[string]any{control.ClusterLabel: v.clusterUID}},
		"snapshotMoveData":                 false,
		"storageLocation":                  locationName,
		"ttl":                              backupTTL.String(),
		"volumeGroupSnapshotLabelKey":      "velero.io/volume-group",
	}}
	if status != nil {
		parts["status"] = status
	}
	labels := map[string]string{scheduleLabel: b.plan, "velero.io/storage-location": locationName, control.ClusterLabel: v.clusterUID}
	return v.create(ctx, "backups", "Backup", b.name, labels, parts)
}

// completed is the status of a backup that was.
func completed(begun time.Time) map[string]any {
	return map[string]any{
		"phase": "Completed", "version": int64(1), "formatVersion": "1.1.0",
		"startTimestamp": stampOf(begun), "completionTimestamp": stampOf(begun.Add(backupDuration)), "expiration": stampOf(begun.Add(backupTTL)),
		"progress": map[string]any{"itemsBackedUp": int64(15), "totalItems": int64(15)},
	}
}

// stampOf is a time as the API has it.
func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }
