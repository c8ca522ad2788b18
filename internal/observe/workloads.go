package observe

import (
	"slices"
	"strings"
)

// Workload is the pods of a namespace that one template made, as far as their
// labels tell: all their labels but those that say which of them one is, and of
// which revision of the template.
type Workload struct {
	// Labels are the labels as key=value, separated by commas, sorted.
	Labels string
	// Pods and Ready are the numbers of pods, and of ready ones.
	Pods, Ready int
}

// ofOnePod are the labels that tell the pods of one template apart, or revisions
// of it (k8s.io/api/apps/v1 and batch/v1 name them).
var ofOnePod = []string{
	"apps.kubernetes.io/pod-index",
	"batch.kubernetes.io/controller-uid",
	"batch.kubernetes.io/job-completion-index",
	"batch.kubernetes.io/job-name",
	"controller-revision-hash",
	"controller-uid",
	"job-name",
	"pod-template-generation",
	"pod-template-hash",
	"statefulset.kubernetes.io/pod-name",
}

// Workloads returns the workloads of a namespace by their labels, but for pods
// on the host network. Its cost grows with the number of pods.
func (o *Observer) Workloads(namespace string) []Workload {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.store.living(namespace)
	if s == nil {
		return nil
	}
	var workloads []Workload
	for _, pod := range s.pods {
		_, rest, _ := strings.Cut(pod.text, sections)
		flags := rest[strings.LastIndex(rest, sections)+1:]
		if strings.Contains(flags, flagHostNetwork) {
			continue
		}
		labels := labelsOf(pod).template()
		at, found := slices.BinarySearchFunc(workloads, labels, func(w Workload, labels string) int { return strings.Compare(w.Labels, labels) })
		if !found {
			workloads = slices.Insert(workloads, at, Workload{Labels: labels})
		}
		workloads[at].Pods++
		if strings.Contains(flags, flagReady) {
			workloads[at].Ready++
		}
	}
	return workloads
}

// template returns the labels but for those of one pod.
func (t labelText) template() string {
	kept := make([]string, 0, 4)
	for entry := range t.entries() {
		if key, _, _ := strings.Cut(entry, assignment); !slices.Contains(ofOnePod, key) {
			kept = append(kept, entry)
		}
	}
	return strings.Join(kept, entries)
}
