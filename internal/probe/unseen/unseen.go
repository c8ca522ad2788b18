// Package unseen is why a probe saw nothing.
package unseen

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Error is why a probe saw nothing. It goes into the ledger and into findings: so
// it never quotes what an object holds, nor an answer that might.
type Error struct {
	// Reason is one of the reasons of a NotEvaluated finding.
	Reason string
	// Message is one sentence: what, where and what to do.
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Inconclusive returns an Error for what does not decide anything.
func Inconclusive(format string, args ...any) *Error {
	return &Error{Reason: control.ReasonInconclusive, Message: fmt.Sprintf(format, args...)}
}

// Forbidden returns an Error for a permission that is missing.
func Forbidden(format string, args ...any) *Error {
	return &Error{Reason: control.ReasonForbidden, Message: fmt.Sprintf(format, args...)}
}

// Of returns what to say of an error. What is no *Error is not quoted: nobody
// looked at what it holds.
func Of(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return Inconclusive("The probe came to no result within its time limit.")
	}
	return &Error{Reason: control.ReasonFailed, Message: "The probe failed, and the operator's log says how."}
}
