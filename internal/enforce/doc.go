// Package enforce carries out what controls plan: it merges the plans of several
// policies over one scope, applies the result by server-side apply, reads back
// what became of it, and spaces out repairs that somebody keeps undoing.
package enforce
