package enforce

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestRemove runs on a real API server, too.
func TestRemove(t *testing.T) {
	env := newEnvironment(t)
	t.Run("removes", func(t *testing.T) { testRemoves(t, env) })
	t.Run("is forbidden", func(t *testing.T) { testRemovalForbidden(t, env) })
	t.Run("finds out what became of a lost answer", func(t *testing.T) { testLostRemoval(t, env) })
}

func testRemoves(t *testing.T, env environment) {
	applier := env.applier(t, env.RESTConfig())
	cases := map[string]struct {
		// before makes what Remove finds, and returns the UID that was observed.
		before      func(t *testing.T, change control.Change) (uid string)
		want        Result
		wantFailure Failure
		wantPresent bool
	}{
		"what was observed": {
			before: func(t *testing.T, change control.Change) string { return env.applied(t, change) },
		},
		"what was edited since": {
			before: func(t *testing.T, change control.Change) string {
				uid := env.applied(t, change)
				env.patch(t, change, `{"spec":{"ingress":[{}]}}`)
				return uid
			},
		},
		"what was deleted since": {
			before: func(t *testing.T, change control.Change) string {
				uid := env.applied(t, change)
				env.delete(t, change)
				return uid
			},
		},
		"what was absent": {
			before: func(*testing.T, control.Change) string { return "" },
		},
		"not what was created since": {
			before: func(t *testing.T, change control.Change) string {
				env.create(t, change, allowAll())
				return ""
			},
			wantPresent: true,
		},
		"not what was created anew since": {
			before: func(t *testing.T, change control.Change) string {
				uid := env.applied(t, change)
				env.delete(t, change)
				env.create(t, change, allowAll())
				return uid
			},
			wantFailure: FailureConflict,
			wantPresent: true,
		},
		"in a namespace that is being deleted": {
			before: func(t *testing.T, change control.Change) string {
				uid := env.applied(t, change)
				env.terminate(t, change.Namespace)
				return uid
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			change := env.namespace(t, strings.ReplaceAll(name, " ", "-"))
			uid := tc.before(t, change)
			result, err := applier.Remove(t.Context(), removalOf(change), uid)
			switch {
			case tc.wantFailure != "":
				wantFailure(t, err, tc.wantFailure)
			case err != nil || !cmp.Equal(tc.want, result):
				t.Errorf("result %+v, %v; want %+v", result, err, tc.want)
			}
			if present := env.get(t, change) != nil; present != tc.wantPresent {
				t.Errorf("present: %v, want %v", present, tc.wantPresent)
			}
		})
	}
	t.Run("what was in a namespace that is gone", func(t *testing.T) {
		result, err := applier.Remove(t.Context(), removalOf(denyIngress("nowhere")), "11111111-2222-3333-4444-555555555555")
		if err != nil || !cmp.Equal(Result{}, result) {
			t.Errorf("result %+v, %v; want it to be absent", result, err)
		}
	})
	t.Run("what finalizers hold", func(t *testing.T) { testRemovesHeld(t, env, applier) })
	t.Run("not what is of a kind that is unknown", func(t *testing.T) {
		change := removalOf(denyIngress("anywhere"))
		change.Kind = "NetworkPledge"
		_, err := applier.Remove(t.Context(), change, "1")
		wantFailure(t, err, FailureNotServed)
	})
	t.Run("not what is no longer served", func(t *testing.T) {
		change := removalOf(denyIngress("anywhere"))
		change.Kind = "NetworkPledge"
		mapper := meta.NewDefaultRESTMapper(nil)
		mapper.Add(networkingv1.SchemeGroupVersion.WithKind(change.Kind), meta.RESTScopeNamespace)
		stale := *applier
		stale.mapper = mapper
		_, err := stale.Remove(t.Context(), change, "1")
		wantFailure(t, err, FailureNotServed)
	})
	t.Run("not by applying it", func(t *testing.T) {
		change := env.namespace(t, "remove-applied")
		_, err := applier.Apply(t.Context(), removalOf(change), "")
		wantFailure(t, err, FailureRejected)
		if live := env.get(t, change); live != nil {
			t.Errorf("created with %s", specJSON(t, live))
		}
	})
}

// testRemovesHeld: an object that is being deleted goes on denying.
func testRemovesHeld(t *testing.T, env environment, applier *Applier) {
	change := env.namespace(t, "remove-held")
	uid := env.applied(t, change)
	env.patch(t, change, `{"metadata":{"finalizers":["example.com/hold"]}}`)
	for range 2 {
		result, err := applier.Remove(t.Context(), removalOf(change), uid)
		live := env.get(t, change)
		if err != nil || live == nil || live.DeletionTimestamp == nil {
			t.Fatalf("%v; want it to be held while it is being deleted, have %v", err, live)
		}
		want := Result{
			Object:  control.Identity{UID: uid, ResourceVersion: live.ResourceVersion, Generation: live.Generation},
			Differs: remains,
		}
		if !cmp.Equal(want, result) {
			t.Errorf("result %+v, want %+v", result, want)
		}
	}
	env.patch(t, change, `{"metadata":{"finalizers":null}}`)
	if live := env.get(t, change); live != nil {
		t.Errorf("still there with %v", live.Finalizers)
	}
}

func testRemovalForbidden(t *testing.T, env environment) {
	change := env.namespace(t, "remove-forbidden")
	uid := env.applied(t, change)
	cfg, err := env.RESTConfigForUser("nobody@example.com")
	if err != nil {
		t.Fatal(err)
	}
	applier := env.applier(t, cfg)
	_, err = applier.Remove(t.Context(), removalOf(change), uid)
	failed := wantFailure(t, err, FailureForbidden)
	const want = "delete networkpolicies.networking.k8s.io in namespace remove-forbidden is needed"
	if !strings.Contains(failed.Message, want) || strings.Contains(failed.Message, "example.com") {
		t.Errorf("message %q, want it to say %q and to name no user", failed.Message, want)
	}
	if env.get(t, change) == nil {
		t.Error("removed without the right to")
	}
}

func testLostRemoval(t *testing.T, env environment) {
	lossy := func(t *testing.T, then func() error) *Applier {
		return env.applier(t, losingAnswers(env.RESTConfig(), http.MethodDelete, then))
	}
	t.Run("removed, and looked for", func(t *testing.T) {
		change := env.namespace(t, "lost-removal")
		result, err := lossy(t, nil).Remove(t.Context(), removalOf(change), env.applied(t, change))
		if want := (Result{Reread: true}); err != nil || !cmp.Equal(want, result) {
			t.Errorf("result %+v, %v; want %+v", result, err, want)
		}
	})
	t.Run("removed, and looked for after the caller's context ended", func(t *testing.T) {
		change := env.namespace(t, "lost-removal-cancelled")
		uid := env.applied(t, change)
		ctx, cancel := context.WithCancel(t.Context())
		result, err := lossy(t, func() error { cancel(); return nil }).Remove(ctx, removalOf(change), uid)
		if err != nil || !result.Reread {
			t.Errorf("result %+v, %v; want it reread", result, err)
		}
	})
	t.Run("removed, and created anew", func(t *testing.T) {
		change := env.namespace(t, "lost-removal-recreated")
		uid := env.applied(t, change)
		applier := lossy(t, func() error { env.create(t, change, allowAll()); return nil })
		_, err := applier.Remove(t.Context(), removalOf(change), uid)
		wantFailure(t, err, FailureConflict)
	})
	t.Run("held by finalizers", func(t *testing.T) {
		change := env.namespace(t, "lost-removal-held")
		uid := env.applied(t, change)
		env.patch(t, change, `{"metadata":{"finalizers":["example.com/hold"]}}`)
		result, err := lossy(t, nil).Remove(t.Context(), removalOf(change), uid)
		if err != nil || result.Differs != remains || !result.Reread || result.Object.UID != uid {
			t.Errorf("result %+v, %v; want it reread, and held", result, err)
		}
	})
	t.Run("never sent", func(t *testing.T) {
		change := env.namespace(t, "lost-removal-unsent")
		uid := env.applied(t, change)
		proxy, err := env.Proxy(0)
		if err != nil {
			t.Fatal(err)
		}
		defer closed(t, proxy)
		applier := env.applier(t, proxy.RESTConfig(env.RESTConfig()))
		if err := proxy.Cut(); err != nil {
			t.Fatal(err)
		}
		_, err = applier.Remove(t.Context(), removalOf(change), uid)
		wantFailure(t, err, FailureUnknown)
		if env.get(t, change) == nil {
			t.Error("removed, though nothing was sent")
		}
	})
	t.Run("not removed", func(t *testing.T) {
		change := env.namespace(t, "lost-removal-present")
		uid := env.applied(t, change)
		cfg := env.RESTConfig()
		cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTripperFn(func(request *http.Request) (*http.Response, error) {
				if request.Method == http.MethodDelete {
					return nil, http.ErrHandlerTimeout
				}
				return next.RoundTrip(request)
			})
		})
		_, err := env.applier(t, cfg).Remove(t.Context(), removalOf(change), uid)
		wantFailure(t, err, FailureUnknown)
	})
}

// removalOf is the removal of what a change applies.
func removalOf(change control.Change) control.Change {
	change.Spec, change.Remove = nil, true
	return change
}
