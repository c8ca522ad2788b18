package enforce

import (
	"context"
	"io"
	"net/http"
	"testing"

	"k8s.io/client-go/rest"
)

func testLostAnswer(t *testing.T, env environment) {
	t.Run("applied, and read", func(t *testing.T) {
		change := env.namespace(t, "lost-read")
		applier := env.applier(t, losingAnswers(env.RESTConfig(), http.MethodPatch, nil))
		result := mustApply(t, applier, change, "")
		if live := env.get(t, change); !result.Reread || result.Object.ResourceVersion != live.ResourceVersion {
			t.Errorf("result %+v, want it reread at %s", result, live.ResourceVersion)
		}
	})
	t.Run("applied, and read after the caller's context ended", func(t *testing.T) {
		change := env.namespace(t, "lost-cancelled")
		ctx, cancel := context.WithCancel(t.Context())
		cfg := losingAnswers(env.RESTConfig(), http.MethodPatch, func() error { cancel(); return nil })
		result, err := env.applier(t, cfg).Apply(ctx, change, "")
		if err != nil || !result.Reread || result.Differs != "" {
			t.Errorf("result %+v, %v; want it reread as wanted", result, err)
		}
	})
	t.Run("applied, and cut off", func(t *testing.T) {
		change := env.namespace(t, "lost-cut")
		proxy, err := env.Proxy(0)
		if err != nil {
			t.Fatal(err)
		}
		defer closed(t, proxy)
		applier := env.applier(t, losingAnswers(proxy.RESTConfig(env.RESTConfig()), http.MethodPatch, proxy.Cut))

		_, err = applier.Apply(t.Context(), change, "")
		wantFailure(t, err, FailureUnknown)
		if err := proxy.Resume(); err != nil {
			t.Fatal(err)
		}
		result, err := applier.Read(t.Context(), change, "")
		if err != nil || result.Differs != "" || result.Object.UID != string(env.get(t, change).UID) {
			t.Errorf("read %+v, %v; want it as wanted", result, err)
		}
	})
	t.Run("never sent", func(t *testing.T) {
		change := env.namespace(t, "lost-unsent")
		proxy, err := env.Proxy(0)
		if err != nil {
			t.Fatal(err)
		}
		defer closed(t, proxy)
		applier := env.applier(t, proxy.RESTConfig(env.RESTConfig()))
		if err := proxy.Cut(); err != nil {
			t.Fatal(err)
		}
		_, err = applier.Apply(t.Context(), change, "")
		wantFailure(t, err, FailureUnknown)
		if err := proxy.Resume(); err != nil {
			t.Fatal(err)
		}
		result, err := applier.Read(t.Context(), change, "")
		if want := "metadata: the object does not exist"; err != nil || result.Differs != want {
			t.Errorf("read %+v, %v; want %q", result, err, want)
		}
	})
	t.Run("lost, and another's object there", func(t *testing.T) {
		change := env.namespace(t, "lost-foreign")
		spec := allowAll()
		spec.Ingress = nil
		env.create(t, change, spec)
		// The conflict is lost; what is read is as wanted, but not by Holdfast.
		applier := env.applier(t, losingAnswers(env.RESTConfig(), http.MethodPatch, nil))
		_, err := applier.Apply(t.Context(), change, "")
		wantFailure(t, err, FailureUnknown)
	})
}

// losingAnswers returns a configuration with which the requests of a method reach
// the API server and their answers are lost, after then.
func losingAnswers(cfg *rest.Config, method string, then func() error) *rest.Config {
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripperFn(func(request *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(request)
			if err != nil || request.Method != method {
				return response, err
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				return nil, err
			}
			if err := response.Body.Close(); err != nil {
				return nil, err
			}
			if then != nil {
				if err := then(); err != nil {
					return nil, err
				}
			}
			return nil, io.ErrUnexpectedEOF
		})
	})
	return cfg
}
