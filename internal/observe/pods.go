package observe

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// podItem is a pod that is neither Succeeded nor Failed.
type podItem struct {
	namespace, name string
	// shape is the text of its shape.
	shape string
}

// convertPod keeps what is judged of a pod.
func convertPod(p *corev1.Pod) podItem {
	// The name is copied: a part of a longer text would keep all of it.
	return podItem{namespace: intern(p.Namespace), name: strings.Clone(p.Name), shape: shapeOf(p)}
}

// podTable keeps podItem items. What matters is whether a class of pods begins
// or ceases to be: pods come and go all the time.
type podTable struct{}

func (podTable) put(st *store, item any) change {
	p := item.(podItem)
	s := st.scope(p.namespace)
	st.group(s)
	old, found := s.pods[p.name]
	if found && old.text == p.shape {
		return change{key: podKey(p), present: true}
	}
	if s.pods == nil {
		s.pods = map[string]*shape{}
	}
	pod := st.podAdded(p.namespace, p.shape)
	s.pods[p.name] = pod
	matters := s.join(pod)
	if found {
		matters = s.leave(old) || matters
		st.podRemoved(p.namespace, old)
	}
	return change{key: podKey(p), present: true, matters: matters}
}

func (podTable) remove(st *store, item any) change {
	p := item.(podItem)
	s := st.scopes[p.namespace]
	if s == nil {
		return change{key: podKey(p)}
	}
	st.group(s)
	old, found := s.pods[p.name]
	if !found {
		return change{key: podKey(p)}
	}
	delete(s.pods, p.name)
	if len(s.pods) == 0 {
		s.pods = nil
	}
	matters := s.leave(old)
	st.podRemoved(p.namespace, old)
	st.prune(p.namespace)
	return change{key: podKey(p), matters: matters}
}

func (t podTable) replace(st *store, items []any) {
	before := make(map[*scope][]class, len(st.scopes))
	for namespace, s := range st.scopes {
		st.group(s)
		if len(s.pods) == 0 {
			continue
		}
		before[s] = s.classes
		for _, pod := range s.pods {
			st.podRemoved(namespace, pod)
		}
		s.pods, s.classes = nil, nil
	}
	for _, item := range items {
		t.put(st, item)
	}
	for namespace, s := range st.scopes {
		if !slices.EqualFunc(before[s], s.classes, func(a, b class) bool { return a.text == b.text }) {
			st.touch(namespace, false)
		}
		st.prune(namespace)
	}
}

// podAdded and podRemoved keep what is known of the pods of the whole cluster.
func (st *store) podAdded(namespace, text string) *shape {
	pod := st.peers.shapeAdded(text)
	st.lifelinesStale = st.lifelinesStale || st.servesDNS(namespace, pod)
	return pod
}

func (st *store) podRemoved(namespace string, pod *shape) {
	st.peers.shapeRemoved(pod)
	st.lifelinesStale = st.lifelinesStale || st.servesDNS(namespace, pod)
}

func podKey(p podItem) object {
	return object{kind: string(control.NeedPods), namespace: p.namespace, name: p.name}
}
