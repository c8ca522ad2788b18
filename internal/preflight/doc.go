// Package preflight finds what would keep the operator from working before
// anything of it starts, says it in one sentence, and waits until it is mended.
// A process that ended instead would be started again and again, and say nothing
// in between.
package preflight
