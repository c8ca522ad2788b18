// Package enforce carries out what controls want: it merges the wishes of several
// policies over one scope into one plan, carries that out by server-side apply and
// deletion, or asks what it would do, reads back what became of it, paces first
// enforcement, and spaces out repairs that somebody keeps undoing.
package enforce
