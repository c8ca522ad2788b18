// Package argocd tests the health checks that Holdfast ships for Argo CD, in the
// interpreter of Argo CD. It is a module of its own, so that the interpreter is no
// dependency of the operator.
package argocd
