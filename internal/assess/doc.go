// Package assess makes policies ready for evaluation, judges scopes by them, and
// says what their controls want done. The engine and the command line share it,
// so that a preview is what enforcing does.
//
// It is pure: it knows no client and no clock.
package assess
