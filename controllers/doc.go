// Package controllers holds the reconcilers. Read it in this order: scope.go
// (what happens to one namespace, or to the cluster), objects.go (which objects in it
// are judged), policy.go (what happens to one policy), engine.go (how they share what
// they know).
package controllers
