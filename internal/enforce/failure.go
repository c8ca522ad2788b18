package enforce

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// Failure is why a change did not take effect, as far as the caller's next step
// depends on it.
type Failure string

// The failures.
const (
	// FailureNamespaceTerminating: the namespace is being deleted, or gone. It is
	// not a failed repair, the subject is going away.
	FailureNamespaceTerminating Failure = "NamespaceTerminating"
	// FailureForbidden: a permission is missing, or admission refused.
	FailureForbidden Failure = "Forbidden"
	// FailureConflict: the object is not the one that was observed. It is to be
	// observed anew.
	FailureConflict Failure = "Conflict"
	// FailureRejected: the API server does not accept the object, and will not
	// when asked again.
	FailureRejected Failure = "Rejected"
	// FailureNotServed: the API server does not serve the kind.
	FailureNotServed Failure = "NotServed"
	// FailureThrottled: the API server is busy. Error.RetryAfter says when to try
	// again, where it said so.
	FailureThrottled Failure = "Throttled"
	// FailureUnsent: nothing was sent to the API server.
	FailureUnsent Failure = "Unsent"
	// FailureUnknown: no answer came, and the object could not be read, or is not
	// (or not yet) as wanted. It may still become so. See Applier.Read.
	FailureUnknown Failure = "Unknown"
)

const notObserved = "the object is not the one that was observed"

// errNotThere says that an object was not found that somebody else's fields were to be
// taken over of.
var errNotThere = errors.New("it is not there")

// Error is a change that did not take effect.
type Error struct {
	// Failure is the kind of failure.
	Failure Failure
	// Message is a clause for people that holds nothing of what the API server
	// said, for that may name users.
	Message string
	// Remedy is a clause that says what to do about it. It is empty where that is
	// not known.
	Remedy string
	// RetryAfter is what the API server asked to wait, or zero.
	RetryAfter time.Duration
	// Err is what the API server, or the connection to it, said: for logs.
	Err error
}

// Error returns message and cause.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Message, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// classify says what the error of a request means. verbs are what the request
// needs the right to.
func classify(err error, at target, verbs string) *Error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return unanswered(err, at)
	}
	failed := func(failure Failure, format string, args ...any) *Error {
		return &Error{Failure: failure, Message: fmt.Sprintf(format, args...), Err: err}
	}
	switch code := status.Status().Code; {
	case namespaceEnds(err, status.Status()):
		return failed(FailureNamespaceTerminating, "namespace %s is being deleted", at.namespace)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		forbidden := failed(FailureForbidden, "the API server forbids it: %s %s%s is needed, and no admission rule against it",
			verbs, at.resource, at.inNamespace())
		forbidden.Remedy = remedy(at, verbs)
		return forbidden
	case code == http.StatusConflict || otherUID(status.Status()):
		return failed(FailureConflict, notObserved)
	case code == http.StatusTooManyRequests:
		busy := failed(FailureThrottled, "the API server is busy")
		if seconds, asked := apierrors.SuggestsClientDelay(err); asked {
			busy.RetryAfter = time.Duration(seconds) * time.Second
		}
		return busy
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		return failed(FailureNotServed, "the API server does not serve %s", at.resource)
	case code >= http.StatusInternalServerError:
		return unanswered(err, at)
	default:
		return failed(FailureRejected, "the API server does not accept the object (%d %s)", code, status.Status().Reason)
	}
}

// remedy says what grants the right that a request lacks.
func remedy(at target, verbs string) string {
	rights := permissions.Holdfast()
	setting := rights.MissingWrite(at.resource.Group, at.resource.Resource)
	if setting == "" {
		return ""
	}
	return fmt.Sprintf("set the chart's value %s, which grants %s of %s, or look for an admission rule against it",
		setting, verbs, at.resource)
}

// unanswered is a request of which nobody knows what became. An error of the API
// server itself (5xx) counts too: a time-out may come after the write.
func unanswered(err error, at target) *Error {
	return &Error{
		Failure: FailureUnknown,
		Message: fmt.Sprintf("the API server did not answer for %s%s", at.resource, at.inNamespace()),
		Err:     err,
	}
}

func (t target) inNamespace() string {
	if t.namespace == "" {
		return ""
	}
	return " in namespace " + t.namespace
}

// namespaceEnds reports whether the namespace is being deleted, or gone.
func namespaceEnds(err error, status metav1.Status) bool {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return true
	}
	return status.Code == http.StatusNotFound && status.Details != nil && status.Details.Kind == "namespaces"
}

// otherUID reports whether the object's UID is not the one sent.
func otherUID(status metav1.Status) bool {
	return status.Details != nil && slices.ContainsFunc(status.Details.Causes, func(cause metav1.StatusCause) bool {
		return cause.Field == "metadata.uid"
	})
}
