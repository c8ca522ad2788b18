// Package install tests the life of an installation as its admin sees it: the real
// helm installs the chart on a real API server, upgrades, rolls back and
// uninstalls it, and harness.Node runs the pods that the real controllers make of
// it. What is judged is what kubectl, helm and kubectl holdfast print, and what the
// ledger's volume holds.
package install
