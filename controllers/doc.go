// Package controllers holds the reconcilers. Read it in this order: scope.go
// (what happens to one namespace), policy.go (what happens to one policy),
// engine.go (how they share what they know).
package controllers
