package networkisolation

import (
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestOpenRules(t *testing.T) {
	const (
		none    = "Conforming NoOpenRule"
		ingress = "Deviating OpenRule: p ingress[0]"
		egress  = "Deviating OpenRule: p egress[0]"
		doubt   = "NotEvaluated Inconclusive"
	)
	p := func(spec string) *scene { return denied(t).policy("p", spec) }
	judge(t, RuleOpenRules, map[string]judged{
		"no policy":                   {scene: bare(t), want: none},
		"no rule":                     {scene: denied(t), want: none},
		"any peer, ingress":           {scene: p(`ingress: [{}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: any peer, all ports"}},
		"any peer, egress":            {scene: p(`policyTypes: [Egress], egress: [{}]`), want: egress},
		"an empty list of peers":      {scene: p(`ingress: [{from: []}]`), want: ingress},
		"the second rule":             {scene: p(`ingress: [{from: [{podSelector: {}}]}, {}]`), want: "Deviating OpenRule: p ingress[1]"},
		"both directions":             {scene: p(`policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]`), want: "Deviating OpenRule: p egress[0], p ingress[0]"},
		"one port":                    {scene: p(`ingress: [{ports: [{port: 443}]}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: any peer, TCP 443"}},
		"some pods":                   {scene: p(`podSelector: {matchLabels: {app: web}}, ingress: [{}]`), want: ingress},
		"pods that nobody can tell":   {scene: p(`podSelector: {matchExpressions: [{key: a, operator: Near}]}, ingress: [{}]`), want: ingress},
		"unset types, egress rules":   {scene: p(`egress: [{}]`), want: egress},
		"inert without its type":      {scene: p(`policyTypes: [Ingress], egress: [{}]`), want: none},
		"inert, the other way":        {scene: p(`policyTypes: [Egress], ingress: [{}]`), want: none},
		"a direction that is allowed": {scene: p(`policyTypes: [Egress], egress: [{}]`).states(`defaultDeny: [Ingress]`), want: none},
		"one peer of several":         {scene: p(`ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 0.0.0.0/0}}]}]`), want: ingress},
		"two policies": {
			scene: p(`ingress: [{}]`).policy("o", `ingress: [{}]`),
			want:  "Deviating OpenRule: o ingress[0], p ingress[0]",
		},
		"more than four": {
			scene: p(`ingress: [{}, {}, {}, {}, {}, {}]`),
			want:  "Deviating OpenRule: p ingress[0], p ingress[1], p ingress[2], p ingress[3]",
		},

		// Selectors.
		"its own namespace":              {scene: p(`ingress: [{from: [{podSelector: {}}]}]`), want: none},
		"all namespaces":                 {scene: p(`ingress: [{from: [{namespaceSelector: {}}]}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: all pods of all namespaces, all ports"}},
		"all namespaces, all pods":       {scene: p(`ingress: [{from: [{namespaceSelector: {}, podSelector: {}}]}]`), want: ingress},
		"all namespaces, some pods":      {scene: p(`ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: a}}}]}]`).resolves(`pods: {app=a: false}`), want: none},
		"all namespaces, pods that all":  {scene: p(`ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: a}}}]}]`).resolves(`pods: {app=a: true}`), want: ingress},
		"all namespaces, unknown pods":   {scene: p(`ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: a}}}]}]`), want: doubt},
		"a label that all namespaces":    {scene: p(`ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}]}]`).resolves(`namespaces: {a=b: true}`), want: ingress},
		"a label that some namespaces":   {scene: p(`ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}]}]`).resolves(`namespaces: {a=b: false}`), want: none},
		"a label of unknown namespaces":  {scene: p(`ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}]}]`), want: doubt, wantFacts: map[string]string{"undecided": "p ingress[0]: whom a selector matches is not known"}},
		"a label that none lacks":        {scene: p(`egress: [{to: [{namespaceSelector: {matchExpressions: [{key: x, operator: DoesNotExist}]}}]}]`).resolves(`namespaces: {"!x": true}`), want: egress},
		"a label that one has":           {scene: p(`egress: [{to: [{namespaceSelector: {matchExpressions: [{key: x, operator: DoesNotExist}]}}]}]`).resolves(`namespaces: {"!x": false}`), want: none},
		"no pod has the label":           {scene: p(`egress: [{to: [{namespaceSelector: {}, podSelector: {matchExpressions: [{key: x, operator: DoesNotExist}]}}]}]`).resolves(`pods: {"!x": true}`), want: egress},
		"not in any of the values":       {scene: p(`egress: [{to: [{namespaceSelector: {matchExpressions: [{key: x, operator: NotIn, values: [b, a]}]}}]}]`).resolves(`namespaces: {"x notin (a,b)": true}`), want: egress},
		"every pod of unknown namespace": {scene: p(`egress: [{to: [{namespaceSelector: {matchLabels: {a: b}}, podSelector: {}}]}]`), want: doubt},
		"narrow either way":              {scene: p(`egress: [{to: [{namespaceSelector: {matchLabels: {a: b}}, podSelector: {matchLabels: {c: d}}}]}]`).resolves(`namespaces: {a=b: true}, pods: {c=d: false}`), want: none},
		"narrow, the other unknown":      {scene: p(`egress: [{to: [{namespaceSelector: {matchLabels: {a: b}}, podSelector: {matchLabels: {c: d}}}]}]`).resolves(`namespaces: {a=b: false}`), want: none},
		"complements in two peers":       {scene: p(`egress: [{to: [{namespaceSelector: {matchLabels: {a: b}}}, {namespaceSelector: {matchExpressions: [{key: a, operator: NotIn, values: [b]}]}}]}]`).resolves(`namespaces: {a=b: false, "a notin (b)": false}`), want: none},
		"a selector without sense":       {scene: p(`ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: a, operator: Near}]}}]}]`), want: doubt},
		"without sense, in its own":      {scene: p(`ingress: [{from: [{podSelector: {matchExpressions: [{key: a, operator: Near}]}}]}]`), want: none},
		"a peer that names nobody":       {scene: p(`ingress: [{from: [{}]}]`), want: doubt},
		"unknown beside open":            {scene: p(`ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}, {namespaceSelector: {}}]}]`), want: ingress},
		"unknown in another rule":        {scene: p(`ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}]}, {}]`), want: "Deviating OpenRule: p ingress[1]"},

		// Networks.
		"all of IPv4":                  {scene: p(`ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: every IPv4 address, all ports"}},
		"all of IPv6":                  {scene: p(`ingress: [{from: [{ipBlock: {cidr: "::/0"}}]}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: every IPv6 address, all ports"}},
		"all of both":                  {scene: p(`ingress: [{from: [{ipBlock: {cidr: "::/0"}}, {ipBlock: {cidr: 0.0.0.0/0}}]}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: every address, all ports"}},
		"both halves":                  {scene: p(`ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}, {ipBlock: {cidr: 128.0.0.0/1}}]}]`), want: ingress},
		"both halves of IPv6":          {scene: p(`egress: [{to: [{ipBlock: {cidr: "::/1"}}, {ipBlock: {cidr: "8000::/1"}}]}]`), want: egress},
		"one half":                     {scene: p(`ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}]`), want: none},
		"halves in two rules":          {scene: p(`ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}, {from: [{ipBlock: {cidr: 128.0.0.0/1}}]}]`), want: none},
		"a half of each family":        {scene: p(`ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}, {ipBlock: {cidr: "8000::/1"}}]}]`), want: none},
		"all but something":            {scene: p(`egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]}]`), want: none},
		"all but what another has":     {scene: p(`egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}, {ipBlock: {cidr: 10.0.0.0/7}}]}]`), want: egress},
		"all but a part another lacks": {scene: p(`egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]`), want: none},
		"excepts that miss each other": {scene: p(`egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}, {ipBlock: {cidr: 0.0.0.0/0, except: [11.0.0.0/8]}}]}]`), want: egress},
		"not masked":                   {scene: p(`egress: [{to: [{ipBlock: {cidr: 10.1.2.3/0}}]}]`), want: egress},
		"IPv4 written as IPv6":         {scene: p(`egress: [{to: [{ipBlock: {cidr: "::ffff:0.0.0.0/96"}}]}]`), want: egress},
		"no network":                   {scene: p(`egress: [{to: [{ipBlock: {cidr: everywhere}}]}]`), want: doubt},
		"no network in except":         {scene: p(`egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [nowhere]}}]}]`), want: doubt},
		"leading zeros":                {scene: p(`egress: [{to: [{ipBlock: {cidr: 010.0.0.0/8}}]}]`), want: doubt},
		"no network beside all":        {scene: p(`egress: [{to: [{ipBlock: {cidr: everywhere}}, {ipBlock: {cidr: 0.0.0.0/0}}]}]`), want: egress},

		// Ports.
		"a range":              {scene: p(`ingress: [{ports: [{port: 80, endPort: 90}]}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: any peer, TCP 80-90"}},
		"a protocol":           {scene: p(`ingress: [{ports: [{protocol: UDP}]}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: any peer, every UDP port"}},
		"a named port":         {scene: p(`ingress: [{ports: [{port: http}]}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: any peer, TCP http"}},
		"several ports":        {scene: p(`ingress: [{ports: [{port: 443}, {port: 53, protocol: UDP}]}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: any peer, TCP 443, UDP 53"}},
		"all, one by one":      {scene: p(`ingress: [{ports: [{protocol: TCP}, {protocol: UDP}, {protocol: SCTP}]}]`), want: ingress, wantFacts: map[string]string{"found": "p ingress[0]: any peer, all ports"}},
		"an unknown protocol":  {scene: p(`ingress: [{ports: [{protocol: ICMP}]}]`), want: doubt},
		"a range backwards":    {scene: p(`ingress: [{ports: [{port: 90, endPort: 80}]}]`), want: doubt},
		"port zero":            {scene: p(`ingress: [{ports: [{port: 0}]}]`), want: doubt},
		"a port out of bounds": {scene: p(`ingress: [{ports: [{port: 70000}]}]`), want: doubt},

		// What becomes of what is open.
		"recorded": {
			scene: p(`ingress: [{}]`).states(`openRules: Record`), want: "Conforming Recorded",
			wantFacts: map[string]string{"found": "p ingress[0]: any peer, all ports"},
		},
		"unknown, where recorded":     {scene: p(`ingress: [{from: [{}]}]`).states(`openRules: Record`), want: doubt},
		"in Enforce mode":             {scene: p(`ingress: [{}]`).change(func(in *control.Input) { in.Control.Mode = v1alpha1.ModeEnforce }), want: ingress},
		"in what denies the traffic":  {scene: denied(t).policy(DenyIngressName, `policyTypes: [Ingress], ingress: [{}]`).ours(), want: none},
		"not Holdfast's, by its name": {scene: denied(t).policy(DenyIngressName, `policyTypes: [Ingress], ingress: [{}]`), want: "Deviating OpenRule: holdfast-default-deny-ingress ingress[0]"},
		"the direction it is not for": {
			scene: denied(t).policy(DenyIngressName, `policyTypes: [Ingress, Egress], egress: [{}]`).ours(),
			want:  "Deviating OpenRule: holdfast-default-deny-ingress egress[0]",
		},
		"ours, not as wanted": {
			scene: denied(t).policy("holdfast-allow-dns", `policyTypes: [Egress], egress: [{}]`).ours(),
			want:  "Deviating OpenRule: holdfast-allow-dns egress[0]",
		},
		"pods not observed": {scene: p(`ingress: [{}]`).unavailable(control.NeedPods), want: "NotEvaluated Forbidden"},
	})
}
