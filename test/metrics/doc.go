// Package metrics tests what people on call rely on: the metrics that a running
// operator serves, their documentation, the alerts with their runbooks, and the
// dashboard.
package metrics
