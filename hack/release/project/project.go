// Package project states what is said of Holdfast wherever a release says it.
package project

const (
	// Name is the project's.
	Name = "holdfast"
	// Title is the project's, as it is read.
	Title = "Holdfast"
	// Description is its one line.
	Description = "Controls that hold, and the evidence that they held"
	// Source is where its source is.
	Source = "https://github.com/holdfast-dev/holdfast"
	// License is its licence, by SPDX's list.
	License = "Apache-2.0"
	// Repository is the image's, without a registry, as the chart has it.
	Repository = "holdfast-dev/holdfast"
)
