package enforce

import (
	"errors"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestDifference(t *testing.T) {
	type object = map[string]any
	cases := map[string]struct {
		want, got object
		wantPath  string
	}{
		"the same": {
			want: object{"a": "x", "b": []any{"y"}, "c": object{"d": int64(1)}},
			got:  object{"a": "x", "b": []any{"y"}, "c": object{"d": int64(1)}},
		},
		"numbers of other types": {
			want: object{"a": 1, "b": int32(2), "c": 1.5},
			got:  object{"a": int64(1), "b": int64(2), "c": 1.5},
		},
		"empty is absent": {
			want: object{"ingress": []any{}, "podSelector": object{}, "a": nil},
			got:  object{"podSelector": object{}, "egress": []any{}},
		},
		"nothing set": {
			want:     object{"a": "x"},
			wantPath: "spec: wanted, but not set",
		},
		"an empty rule is a rule": {
			want:     object{"a": "x", "ingress": []any{}},
			got:      object{"a": "x", "ingress": []any{object{}}},
			wantPath: "spec.ingress: set, but not wanted",
		},
		"a field that was not wanted": {
			want:     object{"a": "x"},
			got:      object{"a": "x", "b": "y"},
			wantPath: "spec.b: set, but not wanted",
		},
		"a wanted field is missing": {
			want:     object{"a": "x", "b": object{"c": "y"}},
			got:      object{"a": "x"},
			wantPath: "spec.b: wanted, but not set",
		},
		"another value": {
			want:     object{"a": object{"b": "x"}},
			got:      object{"a": object{"b": "y"}},
			wantPath: "spec.a.b: not the wanted value",
		},
		"false is a value": {
			want:     object{"a": "x"},
			got:      object{"a": "x", "b": false},
			wantPath: "spec.b: set, but not wanted",
		},
		"another length": {
			want:     object{"a": []any{"x"}},
			got:      object{"a": []any{"x", "y"}},
			wantPath: "spec.a: 2 items, wanted 1",
		},
		"another item": {
			want:     object{"a": []any{"x", "y"}},
			got:      object{"a": []any{"x", "z"}},
			wantPath: "spec.a[1]: not the wanted value",
		},
		"another type": {
			want:     object{"a": []any{"x"}},
			got:      object{"a": object{"x": "y"}},
			wantPath: "spec.a: not the wanted value",
		},
		"the first of several": {
			want:     object{"a": "x", "b": "x"},
			got:      object{"a": "y", "b": "y"},
			wantPath: "spec.a: not the wanted value",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := difference(tc.want, tc.got)
			if err != nil || got != tc.wantPath {
				t.Errorf("difference = %q, %v; want %q", got, err, tc.wantPath)
			}
		})
	}
}

func TestDifferenceRefusesWhatIsNoJSON(t *testing.T) {
	if _, err := difference(map[string]any{"a": func() {}}, nil); err == nil {
		t.Error("no error for a spec that cannot be encoded")
	}
}

// TestClassify covers answers that the API server of the suite does not give on
// demand; TestApply covers the others.
func TestClassify(t *testing.T) {
	policies := schema.GroupResource{Group: "networking.k8s.io", Resource: "networkpolicies"}
	at := target{resource: policies, namespace: "web"}
	code := func(code int) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Code: int32(code)}}
	}
	cases := map[string]struct {
		err            error
		want           Failure
		wantRetryAfter time.Duration
	}{
		"no answer":          {err: errors.New("connection reset by peer"), want: FailureUnknown},
		"a time-out":         {err: apierrors.NewTimeoutError("too slow", 3), want: FailureUnknown},
		"an internal error":  {err: apierrors.NewInternalError(errors.New("webhook failed")), want: FailureUnknown},
		"unavailable":        {err: apierrors.NewServiceUnavailable("starting"), want: FailureUnknown},
		"not authenticated":  {err: apierrors.NewUnauthorized("who?"), want: FailureForbidden},
		"refused by webhook": {err: apierrors.NewForbidden(policies, "x", errors.New("denied")), want: FailureForbidden},
		"busy":               {err: apierrors.NewTooManyRequests("busy", 2), want: FailureThrottled, wantRetryAfter: 2 * time.Second},
		"busy, without time": {err: code(http.StatusTooManyRequests), want: FailureThrottled},
		"malformed":          {err: apierrors.NewBadRequest("what?"), want: FailureRejected},
		"too large":          {err: apierrors.NewRequestEntityTooLargeError("big"), want: FailureRejected},
		"no such resource":   {err: code(http.StatusNotFound), want: FailureNotServed},
		"no such verb":       {err: apierrors.NewMethodNotSupported(policies, "patch"), want: FailureNotServed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := classify(tc.err, at, "")
			if got.Failure != tc.want || got.RetryAfter != tc.wantRetryAfter || !errors.Is(got, tc.err) {
				t.Errorf("classify = %s, retry after %s (%v); want %s, %s", got.Failure, got.RetryAfter, got, tc.want, tc.wantRetryAfter)
			}
		})
	}
}
