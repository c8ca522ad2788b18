package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// backups is the real Velero, and the object store that it writes to.
type backups struct {
	*velero.Server
	store *velero.Store
}

// startVelero starts an object store, and Velero.
func (d *demo) startVelero(ctx context.Context) (err error) {
	d.backups = &backups{}
	if d.backups.store, err = velero.StartStore(ctx, d.cluster, d.path("store")); err != nil {
		return err
	}
	d.backups.Server, err = velero.Install(ctx, d.cluster, velero.Options{Dir: d.path("velero"), Store: d.backups.store})
	return err
}

func (b *backups) stop() error {
	var err error
	if b.Server != nil {
		err = b.Server.Stop()
	}
	if b.store != nil {
		err = errors.Join(err, b.store.Stop())
	}
	return err
}

// ran is a run of a backup, as Velero's object shows it.
type ran struct {
	name, phase string
	// begun and ended are zero where it does not say.
	begun, ended time.Time
}

// runs are the backups of this cluster that ended, oldest first.
func (b *backups) runs(ctx context.Context) ([]ran, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(b.New(velero.KindBackup, "").GroupVersionKind())
	if err := b.List(ctx, list, client.InNamespace(b.Namespace), client.HasLabels{control.ClusterLabel}); err != nil {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	var runs []ran
	for i := range list.Items {
		if run := ranOf(&list.Items[i]); slices.Contains([]string{"Completed", "PartiallyFailed", "Failed", "FailedValidation"}, run.phase) {
			runs = append(runs, run)
		}
	}
	slices.SortFunc(runs, func(a, b ran) int { return a.begun.Compare(b.begun) })
	return runs, nil
}

func ranOf(backup *unstructured.Unstructured) ran {
	at := func(field string) time.Time {
		text, _, _ := unstructured.NestedString(backup.Object, "status", field) // of another type is not there
		t, _ := time.Parse(time.RFC3339, text)                                  // nor is what is no time
		return t
	}
	return ran{backup.GetName(), velero.Phase(backup), at("startTimestamp"), at("completionTimestamp")}
}

// completed is the newest run that did, and whether there is one.
func completed(runs []ran) (ran, bool) {
	for _, run := range slices.Backward(runs) {
		if run.phase == "Completed" {
			return run, true
		}
	}
	return ran{}, false
}

// plan is what Holdfast applied: its cron, whether it is paused, and the cluster that
// its backups say they are of.
func (b *backups) plan(ctx context.Context) (cron string, paused bool, cluster string, err error) {
	schedule := b.New(velero.KindSchedule, planName)
	if err := b.Get(ctx, client.ObjectKeyFromObject(schedule), schedule); err != nil {
		return "", false, "", fmt.Errorf("read the plan: %w", err)
	}
	cron, _, err = unstructured.NestedString(schedule.Object, "spec", "schedule")
	paused, _, pausedErr := unstructured.NestedBool(schedule.Object, "spec", "paused")
	labels, _, labelsErr := unstructured.NestedStringMap(schedule.Object, "spec", "template", "metadata", "labels")
	return cron, paused, labels[control.ClusterLabel], errors.Join(err, pausedErr, labelsErr)
}
