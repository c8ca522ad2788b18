// Package unseen is why a probe saw nothing.
package unseen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

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

// Why says in a clause why a connection failed. It is the same for the same cause,
// and quotes nothing.
func Why(err error) string {
	var timeout net.Error
	var name *net.DNSError
	var invalid *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it did not answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.As(err, &name):
		return "its name does not resolve"
	case errors.As(err, &invalid):
		return "its certificate is not trusted"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was closed"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to it"
	}
	return "the connection failed"
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
