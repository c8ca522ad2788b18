package controllers

// Exporter writes records to files.
type Exporter struct {
	// Dir is the export directory.
	Dir string
}
