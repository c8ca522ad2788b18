package networkisolation

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// answer is whether something is so, as far as is known. The smaller of two is
// the answer to both, the larger the answer to either.
type answer int

const (
	no answer = iota
	unknown
	yes
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

// selectorMatches reports whether a selector matches labels. Neither nil nor
// what cannot be parsed matches anything.
func selectorMatches(selector *metav1.LabelSelector, of map[string]string) bool {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && parsed.Matches(labels.Set(of))
}

// matchesEverything says whether a selector matches everything that is in the
// cluster, as resolved against its live labels: tier DoesNotExist may, and
// tier=web may where all are labelled so. One that was not resolved, or cannot
// be parsed, is unknown, and never taken for narrow.
func matchesEverything(selector metav1.LabelSelector, resolved map[string]bool) answer {
	if selectsEveryPod(selector) {
		return yes
	}
	key, ok := control.SelectorKey(&selector)
	if !ok {
		return unknown
	}
	all, found := resolved[key]
	if !found {
		return unknown
	}
	return answerOf(all)
}

// everyPod says whether selectors of namespaces and of pods in them select all
// pods of the cluster. A nil pod selector selects all.
func everyPod(namespaces metav1.LabelSelector, pods *metav1.LabelSelector, peers control.Peers) answer {
	every := matchesEverything(namespaces, peers.Namespaces)
	if pods != nil {
		every = min(every, matchesEverything(*pods, peers.Pods))
	}
	return every
}
