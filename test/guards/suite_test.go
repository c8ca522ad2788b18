// Package guards_test shows, on a real API server, what Holdfast's admission guards
// refuse, and what they let through. Holdfast itself does not run: guards hold
// without it.
package guards_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

const (
	crds = "../../config/crd/bases"

	// patience is longer than a controller manager needs that finds its API server back
	// after a restart, and looks at claims and volumes again four times a minute.
	patience = 3 * time.Minute
	poll     = 50 * time.Millisecond
)

// shared is the one control plane of the package, with a controller manager: it
// makes claims of StatefulSets, fills in classes late, and checks the types of
// policies.
var shared *controlplane.ControlPlane

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	ctx := context.Background()
	var err error
	if shared, err = controlplane.Start(ctx, controlplane.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	if err := controlplane.InstallCRDs(ctx, shared.RESTConfig(), crds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// user is somebody who asks the API server.
type user struct {
	t      *testing.T
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
	// warned are the warnings that came with the newest answer.
	warned []string
}

// admin returns a cluster admin.
func admin(t *testing.T) *user {
	t.Helper()
	return as(t, shared.RESTConfig())
}

func as(t *testing.T, config *rest.Config) *user {
	t.Helper()
	u := &user{t: t}
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.WarningHandler = u
	var err error
	if u.client, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	u.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(found))
	return u
}

// HandleWarningHeader implements rest.WarningHandler.
func (u *user) HandleWarningHeader(_ int, _, text string) { u.warned = append(u.warned, text) }

// at returns where objects of a kind are.
func (u *user) at(object *unstructured.Unstructured) dynamic.ResourceInterface {
	u.t.Helper()
	gvk := object.GroupVersionKind()
	mapping, err := u.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) {
		u.mapper.Reset()
		mapping, err = u.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	}
	if err != nil {
		u.t.Fatal(err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return u.client.Resource(mapping.Resource).Namespace(object.GetNamespace())
	}
	return u.client.Resource(mapping.Resource)
}

// try creates an object in a dry run.
func (u *user) try(object *unstructured.Unstructured) error {
	u.t.Helper()
	u.warned = nil
	_, err := u.at(object).Create(context.WithoutCancel(u.t.Context()), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// create creates an object, which is deleted when the test ends.
func (u *user) create(object *unstructured.Unstructured) *unstructured.Unstructured {
	u.t.Helper()
	u.warned = nil
	created, err := u.at(object).Create(u.t.Context(), object, metav1.CreateOptions{})
	if err != nil {
		u.t.Fatalf("create %s %s: %v", object.GetKind(), object.GetName(), err)
	}
	u.t.Cleanup(func() { u.remove(object) })
	return created
}

// remove deletes an object, if it is there.
func (u *user) remove(object *unstructured.Unstructured) {
	u.t.Helper()
	err := u.at(object).Delete(context.WithoutCancel(u.t.Context()), object.GetName(), metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
	if err != nil && !apierrors.IsNotFound(err) {
		u.t.Errorf("delete %s %s: %v", object.GetKind(), object.GetName(), err)
	}
}

// get reads an object afresh.
func (u *user) get(object *unstructured.Unstructured) *unstructured.Unstructured {
	u.t.Helper()
	got, err := u.at(object).Get(u.t.Context(), object.GetName(), metav1.GetOptions{})
	if err != nil {
		u.t.Fatalf("get %s %s: %v", object.GetKind(), object.GetName(), err)
	}
	return got
}

// patch sends a merge patch.
func (u *user) patch(object *unstructured.Unstructured, patch string, options metav1.PatchOptions) error {
	u.t.Helper()
	u.warned = nil
	_, err := u.at(object).Patch(u.t.Context(), object.GetName(), types.MergePatchType, []byte(patch), options)
	return err
}

// apply carries out what a control wants, as Holdfast does, and has it removed when
// the test ends. It returns what is there then.
func (u *user) apply(changes []control.Change) []control.GuardObject {
	u.t.Helper()
	var placed []control.GuardObject
	for i := range changes {
		c := &changes[i]
		object := objectOf(c)
		if c.Remove {
			u.remove(object)
			continue
		}
		body, err := json.Marshal(object)
		if err != nil {
			u.t.Fatal(err)
		}
		got, err := u.at(object).Patch(u.t.Context(), c.Name, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: "holdfast", Force: new(true)})
		if err != nil {
			u.t.Fatalf("apply %s %s: %.500v", c.Kind, c.Name, err.Error())
		}
		u.t.Cleanup(func() { u.remove(object) })
		spec, _, err := unstructured.NestedMap(got.Object, "spec")
		if err != nil {
			u.t.Fatal(err)
		}
		placed = append(placed, control.GuardObject{Meta: control.Meta{Name: c.Name}, APIVersion: c.APIVersion, Kind: c.Kind, Spec: spec, Ours: true})
	}
	return placed
}

func objectOf(c *control.Change) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(schema.FromAPIVersionAndKind(c.APIVersion, c.Kind))
	object.SetName(c.Name)
	if c.Spec != nil {
		object.Object["spec"] = c.Spec
	}
	return object
}

// typeWarnings waits until the API server has checked the types of a policy, and
// returns what it complains about.
func (u *user) typeWarnings(policy string) []any {
	u.t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicy"})
	object.SetName(policy)
	var warnings []any
	u.eventually("the types of "+policy+" are checked", func() bool {
		got := u.get(object)
		observed, _, _ := unstructured.NestedInt64(got.Object, "status", "observedGeneration")
		warnings, _, _ = unstructured.NestedSlice(got.Object, "status", "typeChecking", "expressionWarnings")
		return observed == got.GetGeneration()
	})
	return warnings
}

// eventually waits until something is so.
func (u *user) eventually(what string, is func() bool) {
	u.t.Helper()
	err := wait.PollUntilContextTimeout(context.WithoutCancel(u.t.Context()), poll, patience, true, func(context.Context) (bool, error) { return is(), nil })
	if err != nil {
		u.t.Fatalf("waited in vain until %s: %v", what, err)
	}
}

// namespace creates a namespace with labels, for as long as the control plane runs.
func (u *user) namespace(name string, labels map[string]string) {
	u.t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
	object.SetName(name)
	object.SetLabels(labels)
	if _, err := u.at(object).Create(u.t.Context(), object, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		u.t.Fatal(err)
	}
}

// read reads an object as YAML.
func read(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return object
}
