package restoretest

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/holdfast-dev/holdfast/internal/control"
	data "github.com/holdfast-dev/holdfast/internal/sentinel"
)

// itemConfigMap is the kind of the item that every sentinel has.
const itemConfigMap = "ConfigMap"

// compare compares what came back with what was written, and takes the time that it
// took. A restore that failed may have brought back a part.
func (r *run) compare(ctx context.Context) error {
	if !ended(r.restored.Phase) {
		return nil
	}
	if err := r.compareConfigMap(ctx); err != nil {
		return err
	}
	if err := r.compareVolume(ctx); err != nil {
		return err
	}
	r.restored.Seconds = max(1, int64(r.options.Now().Sub(r.requested).Round(time.Second).Seconds()))
	return nil
}

// compareConfigMap compares the ConfigMap.
func (r *run) compareConfigMap(ctx context.Context) error {
	var cm corev1.ConfigMap
	err := r.api.Get(ctx, keyOf(r.namespace.Name, sentinelName), &cm)
	if err != nil && !apierrors.IsNotFound(err) {
		return r.refused(err, "read what was restored", r.namespace.Name)
	}
	found := data.ReportOf(cm.Data[contentKey])
	r.item(itemConfigMap, &r.sentinel.content, err != nil, found)
	return nil
}

// compareVolume compares the volume: the pod that came back says what is in it, once
// it runs.
func (r *run) compareVolume(ctx context.Context) error {
	if r.sentinel.volume == nil || r.target.Image == "" {
		return nil
	}
	var found data.Report
	missing := false
	told, err := r.pace.await(ctx, r.left(), func(ctx context.Context) (bool, error) {
		var pod corev1.Pod
		err := r.api.Get(ctx, keyOf(r.namespace.Name, sentinelName), &pod)
		if missing = apierrors.IsNotFound(err); missing {
			return true, nil
		}
		if err != nil {
			return false, r.refused(err, "read what was restored", r.namespace.Name)
		}
		var ok bool
		found, ok = reported(&pod)
		return ok, nil
	})
	if err != nil {
		return err
	}
	if !told && r.restored.Failure == "" {
		r.restored.Failure = fmt.Sprintf("the restored pod did not say within %s what is in its volume", r.target.Timeout)
	}
	if told {
		r.item("PersistentVolumeClaim", r.sentinel.volume, missing, found)
	}
	return nil
}

// item notes what became of a part of the sentinel.
func (r *run) item(kind string, written *data.Report, missing bool, found data.Report) {
	r.restored.Items = append(r.restored.Items, control.RestoredItem{Kind: kind, Bytes: written.Bytes, SHA256: written.SHA256,
		Missing: missing, Differs: !missing && found != *written})
}
