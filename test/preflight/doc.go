// Package preflight tests what the real operator does, on a real API server, where
// something keeps it from working: it stays up, says in one sentence what to do,
// and goes on by itself once that is done.
package preflight
