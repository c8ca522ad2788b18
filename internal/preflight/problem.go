package preflight

import (
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// Problem is what stands in the operator's way. Its text is one sentence.
type Problem struct {
	// What stands in the way, and where. It is the same as long as the problem is.
	What string
	// Cause is what was found in detail, such as an API server's answer; it may be nil.
	Cause error
	// Remedy is what a person can do.
	Remedy string
}

// Error returns the sentence.
func (p *Problem) Error() string {
	if p.Cause == nil {
		return p.What + ": " + p.Remedy
	}
	return fmt.Sprintf("%s (%v): %s", p.What, p.Cause, p.Remedy)
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// Explain makes a Problem of the error of a request to cfg's API server. What is
// the request, as in "may not <what>".
func Explain(cfg *rest.Config, what string, err error) error {
	var known *Problem
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case apierrors.IsForbidden(err):
		return &Problem{What: "the operator may not " + what, Cause: err,
			Remedy: "bind the roles of this release to it, with helm upgrade or kubectl apply -k config"}
	case apierrors.IsUnauthorized(err):
		return &Problem{What: fmt.Sprintf("the API server at %s does not accept the operator's credentials", cfg.Host), Cause: err,
			Remedy: "check the pod's service account token, or the kubeconfig"}
	case errors.As(err, &status) && !apierrors.IsTooManyRequests(err) && status.Status().Code < http.StatusInternalServerError:
		return &Problem{What: "the API server refuses to let the operator " + what, Cause: err,
			Remedy: "see what its answer says; it is tried again"}
	}
	return &Problem{What: fmt.Sprintf("the API server at %s does not answer", cfg.Host), Cause: err,
		Remedy: "check that it runs and that no network policy or firewall keeps the operator from it; it is tried again"}
}
