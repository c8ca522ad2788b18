package collect_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/transport"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func wrapper(wrap func(next roundTripper) roundTripper) transport.WrapperFunc {
	return func(next http.RoundTripper) http.RoundTripper { return wrap(next.RoundTrip) }
}

// expired is how an API server answers a continue token that is too old: it
// offers one that goes on inconsistently.
func expired(r *http.Request) (*http.Response, error) {
	status := apierrors.NewResourceExpired("the provided continue parameter is too old").Status()
	status.APIVersion, status.Kind, status.ListMeta = "v1", "Status", metav1.ListMeta{Continue: inconsistent}
	body, err := json.Marshal(status)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusGone, Status: http.StatusText(http.StatusGone), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

const inconsistent = "inconsistent"
