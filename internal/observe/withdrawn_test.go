package observe_test

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// testWithdrawn: a kind that ceases to be served while it is read is known to be
// empty, and one that the API server does not find although it is served is not.
func testWithdrawn(t *testing.T, c *cluster) {
	const namespace = "guarded"
	cilium := ciliumPolicies()
	kind := cilium.GroupResource().String()
	c.createNamespace(t, namespace)
	serve := func() {
		c.define(t, cilium, "CiliumNetworkPolicy", "Namespaced")
		c.put(t, cilium, fmt.Sprintf("{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {namespace: %s, name: own}, spec: {}}", namespace))
	}
	options := observe.StaticOptions{FieldManager: fieldManager, Needs: []control.Need{control.NeedClusterPolicies}}
	listed := func(act func()) (*observe.Static, error) {
		return observe.List(t.Context(), onList(cilium, act).config(c.RESTConfig()), options)
	}
	wantOverriding := func(s *observe.Static, want int) {
		t.Helper()
		snapshot, err := s.Snapshot(namespace)
		if err != nil {
			t.Fatal(err)
		}
		if len(snapshot.Unmodelled) != want || len(snapshot.Unavailable) > 0 {
			t.Errorf("%d objects, %v unavailable, want %d, and nothing", len(snapshot.Unmodelled), snapshot.Unavailable, want)
		}
	}

	serve()
	s, err := listed(func() { c.withdraw(t, cilium) })
	if err != nil {
		t.Fatal(err)
	}
	wantOverriding(s, 0)
	if version, read := s.Versions()[kind]; read {
		t.Errorf("a kind that was served no more was read at %s", version)
	}

	serve()
	if s, err = listed(func() {}); err != nil {
		t.Fatal(err)
	}
	wantOverriding(s, 1)
	missing := &intercepted{answer: func(r *http.Request) *http.Response { return notFound(r, cilium) }}
	if _, err := s.Reread(t.Context(), missing.config(c.RESTConfig()), namespace); !apierrors.IsNotFound(err) {
		t.Errorf("got %v, want the error of a kind that is served and not found", err)
	}
	wantOverriding(s, 1)
	if _, err := observe.List(t.Context(), missing.config(c.RESTConfig()), options); !apierrors.IsNotFound(err) {
		t.Errorf("got %v, want the error of a kind that is served and not found", err)
	}

	versions, err := s.Reread(t.Context(), onList(cilium, func() { c.withdraw(t, cilium) }).config(c.RESTConfig()), namespace)
	if err != nil {
		t.Fatal(err)
	}
	wantOverriding(s, 0)
	if version, read := versions[kind]; read || versions["namespaces"] == "" {
		t.Errorf("a kind that was served no more was read at %s, of %v", version, versions)
	}
}

// onList acts before a kind is first listed.
func onList(kind schema.GroupVersionResource, act func()) *intercepted {
	var once sync.Once
	return &intercepted{answer: func(r *http.Request) *http.Response {
		if lists(r, kind) {
			once.Do(act)
		}
		return nil
	}}
}

// lists reports whether a request is for the objects of a kind.
func lists(r *http.Request, kind schema.GroupVersionResource) bool {
	return path.Base(r.URL.Path) == kind.Resource && strings.HasPrefix(r.URL.Path, "/apis/"+kind.GroupVersion().String()+"/")
}

// notFound is how an API server that does not serve a kind yet answers, nil to
// what is not about the kind.
func notFound(r *http.Request, kind schema.GroupVersionResource) *http.Response {
	if !lists(r, kind) {
		return nil
	}
	return &http.Response{StatusCode: http.StatusNotFound, Status: http.StatusText(http.StatusNotFound), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader("404 page not found\n")), Request: r}
}

// withdraw deletes the definition of a kind, and returns when it is gone, and the
// API server serves the kind no more.
func (c *cluster) withdraw(t *testing.T, kind schema.GroupVersionResource) {
	t.Helper()
	name := kind.GroupResource().String()
	c.drop(t, definitions(), "", name)
	definition, objects := c.resource(t, definitions(), ""), c.resource(t, kind, metav1.NamespaceAll)
	eventually(t, name+" to be served no more", func() bool {
		_, defined := definition.Get(t.Context(), name, metav1.GetOptions{})
		_, served := objects.List(t.Context(), metav1.ListOptions{})
		return apierrors.IsNotFound(defined) && apierrors.IsNotFound(served)
	})
}
