package observe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// shape is all that is kept of a pod, but for its name: one text for all pods
// that are alike, of labels, named ports, host ports and flags:
//
//	app=shop,tier=web|http/TCP:8080|TCP:80|hr
//
// There are far fewer shapes than pods, and they are read only when the class of
// a pod is computed. Neither labels nor names of ports contain the separators.
type shape struct {
	text string
	// pods is the number of pods that are alike.
	pods int
}

// The flags of a shape, in this order.
const (
	flagHostNetwork = "h"
	flagReady       = "r"
)

const (
	sections   = "|"
	entries    = ","
	assignment = "="
)

// shapeOf returns the text of the shape of a pod.
func shapeOf(p *corev1.Pod) string {
	var b strings.Builder
	b.WriteString(labelsText(p.Labels))
	named, host := portsOf(p)
	b.WriteString(sections + strings.Join(named, entries) + sections + strings.Join(host, entries) + sections)
	if p.Spec.HostNetwork {
		b.WriteString(flagHostNetwork)
	}
	if ready(p) {
		b.WriteString(flagReady)
	}
	return b.String()
}

// labelsText returns labels as shapes write them.
func labelsText(set map[string]string) string {
	var b strings.Builder
	for i, key := range slices.Sorted(maps.Keys(set)) {
		if i > 0 {
			b.WriteString(entries)
		}
		b.WriteString(key + assignment + set[key])
	}
	return b.String()
}

// lasting returns the containers of a pod that go on running: sidecars are init
// containers that do.
func lasting(p *corev1.Pod) []corev1.Container {
	containers := slices.Clone(p.Spec.Containers)
	for _, c := range p.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			containers = append(containers, c)
		}
	}
	return containers
}

// portsOf returns the named ports and the host ports of a pod, each sorted.
func portsOf(p *corev1.Pod) (named, host []string) {
	for _, c := range lasting(p) {
		for _, port := range c.Ports {
			protocol := cmp.Or(port.Protocol, corev1.ProtocolTCP)
			if port.Name != "" {
				named = append(named, fmt.Sprintf("%s/%s:%d", port.Name, protocol, port.ContainerPort))
			}
			if port.HostPort != 0 {
				host = append(host, fmt.Sprintf("%s:%d", protocol, port.HostPort))
			}
		}
	}
	slices.Sort(named)
	slices.Sort(host)
	return slices.Compact(named), slices.Compact(host)
}

func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// labelText are the labels of a shape. It implements labels.Labels.
type labelText string

// labelsOf returns the labels of a shape.
func labelsOf(s *shape) labelText {
	text, _, _ := strings.Cut(s.text, sections)
	return labelText(text)
}

// Lookup implements labels.Labels.
func (t labelText) Lookup(key string) (value string, exists bool) {
	for entry := range t.entries() {
		if k, v, _ := strings.Cut(entry, assignment); k == key {
			return v, true
		}
	}
	return "", false
}

// Has implements labels.Labels.
func (t labelText) Has(key string) bool {
	_, exists := t.Lookup(key)
	return exists
}

// Get implements labels.Labels.
func (t labelText) Get(key string) string {
	value, _ := t.Lookup(key)
	return value
}

func (t labelText) entries() func(yield func(string) bool) {
	if t == "" {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(string(t), entries)
}

// set returns the labels as a map, nil where there are none.
func (t labelText) set() map[string]string {
	var set map[string]string
	for entry := range t.entries() {
		if set == nil {
			set = map[string]string{}
		}
		key, value, _ := strings.Cut(entry, assignment)
		set[key] = value
	}
	return set
}

// project returns the labels on keys, which are sorted.
func (t labelText) project(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	var b strings.Builder
	for entry := range t.entries() {
		key, _, _ := strings.Cut(entry, assignment)
		if _, mentioned := slices.BinarySearch(keys, key); !mentioned {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(entries)
		}
		b.WriteString(entry)
	}
	return b.String()
}

// classText returns the text of the class of a shape: the shape, with no labels
// but those on keys, and whether or not it is ready.
func classText(s *shape, keys []string) (text string, ready bool) {
	labels, rest, _ := strings.Cut(s.text, sections)
	rest, ready = strings.CutSuffix(rest, flagReady)
	return labelText(labels).project(keys) + sections + rest, ready
}

// podClass reads the text of a class.
func podClass(text string) control.PodClass {
	parts := strings.Split(text, sections)
	c := control.PodClass{Labels: labelText(parts[0]).set(), HostNetwork: parts[3] == flagHostNetwork}
	for entry := range labelText(parts[1]).entries() {
		name, rest, _ := strings.Cut(entry, "/")
		c.Ports = append(c.Ports, control.NamedPort{Name: name, Port: portText(rest)})
	}
	for entry := range labelText(parts[2]).entries() {
		c.HostPorts = append(c.HostPorts, portText(entry))
	}
	return c
}

// portText reads a port as shapes write it.
func portText(text string) control.Port {
	protocol, number, _ := strings.Cut(text, ":")
	port, err := strconv.ParseInt(number, 10, 32)
	if err != nil {
		return control.Port{} // shapes write nothing else
	}
	return control.Port{Protocol: corev1.Protocol(protocol), Port: int32(port)}
}
