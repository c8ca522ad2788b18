package restoretest

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
	data "github.com/holdfast-dev/holdfast/internal/sentinel"
)

// sentinel is what Holdfast put into a namespace, to look for it in what is restored.
type sentinel struct {
	// uid is that of its ConfigMap, and writtenAt when all of it was there, by the API
	// server's clock (resolution: one second).
	uid       types.UID
	writtenAt time.Time
	// content is what the ConfigMap holds.
	content data.Report
	// volume is what the volume holds; nil where there is none. handle is which volume
	// that is, empty where nobody knows.
	volume *data.Report
	handle string
}

// parts are the objects of a sentinel, as they are; nil is what is absent.
type parts struct {
	configMap *corev1.ConfigMap
	claim     *corev1.PersistentVolumeClaim
	pod       *corev1.Pod
}

// ensure sees to it that the namespace has a sentinel, and returns it: nil while its
// pod fills the volume. What is not whole is written anew, and in the order in which
// what was interrupted is seen not to be whole.
func (t *Tester) ensure(ctx context.Context, o *order) (*sentinel, error) {
	target := &o.target
	p, err := t.read(ctx, target)
	if err != nil {
		return nil, err
	}
	if p.configMap != nil {
		switch s := p.whole(target); {
		case s != nil && s.content.SHA256 == o.spent: // nobody lived to have it written anew
			return nil, t.renew(ctx, p)
		case s != nil:
			return s, nil
		}
		if err := t.discard(ctx, p.configMap); err != nil {
			return nil, err
		}
	}
	if target.Image == "" {
		return t.complete(ctx, target, nil, "")
	}
	return t.fill(ctx, target, p)
}

// read reads the objects of a sentinel. One that Holdfast did not make is an error.
func (t *Tester) read(ctx context.Context, target *control.RestoreTarget) (*parts, error) {
	p := &parts{}
	var err error
	if p.configMap, err = part(ctx, t, target.Namespace, &corev1.ConfigMap{}); err != nil || target.Image == "" {
		return p, err
	}
	if p.claim, err = part(ctx, t, target.Namespace, &corev1.PersistentVolumeClaim{}); err != nil {
		return nil, err
	}
	p.pod, err = part(ctx, t, target.Namespace, &corev1.Pod{})
	return p, err
}

// part reads one object of a sentinel; nil where there is none.
func part[T client.Object](ctx context.Context, t *Tester, namespace string, object T) (none T, err error) {
	switch err := t.api.Get(ctx, keyOf(namespace, sentinelName), object); {
	case apierrors.IsNotFound(err):
		return none, nil
	case err != nil:
		return none, t.refused(err, "read its sentinel", namespace)
	case !t.oursInSource(object):
		return none, unseen.Inconclusive("Namespace %s has a %s called %s that Holdfast did not make in this cluster: delete it, or restores cannot be tested there.",
			namespace, kindOf(object), sentinelName)
	}
	return object, nil
}

// whole is the sentinel, nil where its objects are not all there, or are not of one
// another.
func (p *parts) whole(target *control.RestoreTarget) *sentinel {
	cm := p.configMap
	s := &sentinel{uid: cm.UID, writtenAt: cm.CreationTimestamp.Time, content: data.ReportOf(cm.Data[contentKey]), handle: cm.Annotations[onHandle]}
	if cm.DeletionTimestamp != nil || hooked(cm) {
		return nil
	}
	if target.Image == "" {
		return s
	}
	written, ok := data.ParseReport(cm.Annotations[onVolume])
	if !ok || p.pod == nil || !running(p.pod) || hooked(p.pod) || p.claim == nil || !p.claimFits(target) {
		return nil
	}
	if holds, known := reported(p.pod); !known || holds != written {
		return nil
	}
	s.volume = &written
	return s
}

// claimFits reports whether the claim is of the class that is wanted.
func (p *parts) claimFits(target *control.RestoreTarget) bool {
	return p.claim.DeletionTimestamp == nil &&
		(target.Class == nil || p.claim.Spec.StorageClassName != nil && *p.claim.Spec.StorageClassName == *target.Class)
}

// running reports whether a pod is there to stay.
func running(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded
}

// fill brings the pod of a sentinel to fill its volume, and completes the sentinel
// once it has.
func (t *Tester) fill(ctx context.Context, target *control.RestoreTarget, p *parts) (*sentinel, error) {
	switch {
	case p.claim == nil:
		return nil, t.create(ctx, t.claim(target))
	case !p.claimFits(target):
		return nil, t.discard(ctx, p.except(p.configMap)...)
	case p.pod == nil:
		return nil, t.create(ctx, t.pod(target))
	case !running(p.pod):
		return nil, t.discard(ctx, p.pod)
	case hooked(p.pod):
		return nil, unseen.Inconclusive("The pod %s/%s has annotations of hooks of Velero, which something added: a restore would run them.", target.Namespace, sentinelName)
	}
	written, ok := reported(p.pod)
	if ok {
		handle, err := t.handleOf(ctx, p.claim)
		if err != nil {
			return nil, err
		}
		return t.complete(ctx, target, &written, handle)
	}
	if t.options.Now().Sub(p.pod.CreationTimestamp.Time) > t.pace.Fill {
		return nil, unseen.Inconclusive("The pod %s/%s has not filled its volume: see its events.", target.Namespace, sentinelName)
	}
	return nil, nil
}

// complete creates the ConfigMap, by which a sentinel is whole.
func (t *Tester) complete(ctx context.Context, target *control.RestoreTarget, volume *data.Report, handle string) (*sentinel, error) {
	cm := t.configMap(target.Namespace, volume, handle)
	if err := t.create(ctx, cm); err != nil {
		return nil, err
	}
	killpoint.Hit(killpoint.SentinelWritten)
	return &sentinel{uid: cm.UID, writtenAt: cm.CreationTimestamp.Time, content: data.ReportOf(cm.Data[contentKey]), volume: volume, handle: handle}, nil
}

// rewrite has the sentinel written anew after a test.
func (t *Tester) rewrite(ctx context.Context, target *control.RestoreTarget) error {
	p, err := t.read(ctx, target)
	if err != nil {
		return err
	}
	return t.renew(ctx, p)
}

// renew deletes what is written anew: the pod goes first, so that what is left is not
// whole.
func (t *Tester) renew(ctx context.Context, p *parts) error {
	err := t.discard(ctx, p.except(p.claim)...)
	killpoint.Hit(killpoint.SentinelDiscarded)
	return err
}

// withdraw removes the sentinel of a namespace, whichever parts of it there are.
func (t *Tester) withdraw(ctx context.Context, namespace string) error {
	p, err := t.read(ctx, &control.RestoreTarget{Namespace: namespace, Image: "any"})
	if err != nil {
		return err
	}
	return t.discard(ctx, p.except(nil)...)
}

// except are the objects that there are, but for one of them: what others rest on
// comes last.
func (p *parts) except(kept client.Object) []client.Object {
	var all []client.Object
	if p.pod != nil {
		all = append(all, p.pod)
	}
	if p.configMap != nil {
		all = append(all, p.configMap)
	}
	if p.claim != nil {
		all = append(all, p.claim)
	}
	return slices.DeleteFunc(all, func(object client.Object) bool { return object == kept })
}

// hooked reports whether an object says what Velero is to run in it.
func hooked(object client.Object) bool {
	for name := range object.GetAnnotations() {
		if strings.Contains(name, "hook.restore.velero.io/") || strings.Contains(name, "hook.backup.velero.io/") {
			return true
		}
	}
	return false
}
