package observe

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// kindAPIServers is the id of the pods of API servers.
const kindAPIServers = "apiserverpods"

// How a kubelet shows the static pod of an API server.
const (
	componentLabel   = "component"
	apiServerPod     = "kube-apiserver"
	mirrorAnnotation = corev1.MirrorPodAnnotationKey
)

// judgedFlags are the flags of an API server that a rule looks at; of those that
// say how it audits, all.
var judgedFlags = []string{
	"encryption-provider-config", "encryption-provider-config-automatic-reload", "tls-min-version", "tls-cipher-suites",
}

// auditFlags begins the names of the flags that say how an API server audits.
const auditFlags = "audit-"

// switches are the ends of the names of those flags that need no value.
var switches = []string{"-automatic-reload", "-compress", "-enabled", "-enable"}

func apiServerKind() optional {
	return optional{
		id: kindAPIServers, resource: "pods", kind: "Pod", everywhere: "v1",
		needs: []control.Need{control.NeedAPIServerPods}, keep: keepAPIServer,
	}
}

func keepAPIServer(s *source, _ schema.GroupVersionKind) {
	s.extent = ofCluster
	s.example = &corev1.Pod{}
	component := labels.Set{componentLabel: apiServerPod}.String()
	s.connect = connectTo(corev1client.NewForConfig, func(c *corev1client.CoreV1Client, _ string) client {
		return selecting(clientOf(c.Pods(metav1.NamespaceSystem)), func(o *metav1.ListOptions) {
			o.LabelSelector, o.FieldSelector = component, runningPods()
		})
	})
	s.convert = converting(convertAPIServer)
	s.table = objectTable[control.APIServerPod]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.APIServerPod] { return &st.objects.apiServers },
	}
}

// convertAPIServer keeps what is judged of an API server's pod, if it is one: a
// kubelet's mirror of a static pod. Anybody may label pods.
func convertAPIServer(p *corev1.Pod) *objectItem[control.APIServerPod] {
	item := &objectItem[control.APIServerPod]{key: object{kind: kindAPIServers, name: p.Name}}
	_, mirror := p.Annotations[mirrorAnnotation]
	if p.Namespace == metav1.NamespaceSystem && p.Labels[componentLabel] == apiServerPod && mirror {
		item.at = map[string]control.APIServerPod{control.Cluster: {Name: p.Name, Flags: flagsOf(p)}}
	}
	return item
}

// flagsOf returns the flags that a rule looks at, of the command lines of the
// API server's container, or of all where none is called so.
func flagsOf(p *corev1.Pod) map[string]string {
	containers := slices.DeleteFunc(slices.Clone(p.Spec.Containers), func(c corev1.Container) bool { return c.Name != apiServerPod })
	if len(containers) == 0 {
		containers = p.Spec.Containers
	}
	var flags map[string]string
	for i := range containers {
		words := wordsOf(slices.Concat(containers[i].Command, containers[i].Args))
		for j, word := range words {
			name, value, stated := strings.Cut(strings.TrimPrefix(word, "--"), "=")
			if !strings.HasPrefix(word, "--") || !slices.Contains(judgedFlags, name) && !strings.HasPrefix(name, auditFlags) {
				continue
			}
			if flags == nil {
				flags = map[string]string{}
			}
			flags[name] = valueOf(name, value, stated, words[j+1:])
		}
	}
	return flags
}

// valueOf returns the value of a flag: what stands after the sign =, or true for
// a switch, or the next word.
func valueOf(name, value string, stated bool, next []string) string {
	switch {
	case stated:
		return value
	case slices.ContainsFunc(switches, func(end string) bool { return strings.HasSuffix(name, end) }):
		return "true"
	case len(next) > 0:
		return next[0]
	default:
		return ""
	}
}

// wordsOf returns the words of a command line. One that a shell is to run is a
// single argument.
func wordsOf(arguments []string) []string {
	var words []string
	for _, argument := range arguments {
		if strings.HasPrefix(argument, "--") {
			words = append(words, argument)
		} else {
			words = append(words, strings.Fields(argument)...)
		}
	}
	return words
}
