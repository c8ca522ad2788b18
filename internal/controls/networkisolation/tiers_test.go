package networkisolation

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestTiers(t *testing.T) {
	const (
		none  = "Conforming NotOverridden"
		over  = "Deviating Overridden: ClusterNetworkPolicy c ingress[0]"
		doubt = "NotEvaluated Inconclusive"
	)
	c := func(fields string) *scene {
		return denied(t).pods("app=web", "app=db").cluster(`name: c, tier: Admin, priority: 10, ` + fields)
	}
	accept := func() *scene { return c(`ingress: [{action: Accept, peers: [{namespaces: {}}]}]`) }
	judge(t, RuleTiers, map[string]judged{
		"no policy": {scene: denied(t), want: none},
		"accepts all": {
			scene: accept(), want: over,
			wantFacts: map[string]string{"found": "ClusterNetworkPolicy c ingress[0]: all ports"},
		},
		"accepts all, without pods":       {scene: denied(t).cluster(`name: c, tier: Admin, priority: 1, ingress: [{action: Accept, peers: [{namespaces: {}}]}]`), want: over},
		"accepts all pods":                {scene: c(`ingress: [{action: Accept, peers: [{pods: {namespaceSelector: {}, podSelector: {}}}]}]`), want: over},
		"accepts egress":                  {scene: c(`egress: [{action: Accept, peers: [{networks: [0.0.0.0/0]}]}]`), want: "Deviating Overridden: ClusterNetworkPolicy c egress[0]"},
		"accepts egress to halves":        {scene: c(`egress: [{action: Accept, peers: [{networks: [0.0.0.0/1]}, {networks: ["128.0.0.0/1"]}]}]`), want: "Deviating Overridden: ClusterNetworkPolicy c egress[0]"},
		"accepts all of IPv6":             {scene: c(`egress: [{action: Accept, peers: [{networks: ["::/0"]}]}]`), want: "Deviating Overridden: ClusterNetworkPolicy c egress[0]"},
		"accepts a direction not denied":  {scene: c(`egress: [{action: Accept, peers: [{networks: [0.0.0.0/0]}]}]`).states(`defaultDeny: [Ingress]`), want: none},
		"accepts some networks":           {scene: c(`egress: [{action: Accept, peers: [{networks: [10.0.0.0/8]}]}]`), want: none, wantFacts: map[string]string{"narrower": "ClusterNetworkPolicy c egress[0]: all ports"}},
		"accepts some namespaces":         {scene: c(`ingress: [{action: Accept, peers: [{namespaces: {matchLabels: {a: b}}}]}]`).resolves(`namespaces: {a=b: false}`), want: none},
		"accepts a label all have":        {scene: c(`ingress: [{action: Accept, peers: [{namespaces: {matchLabels: {a: b}}}]}]`).resolves(`namespaces: {a=b: true}`), want: over},
		"accepts unknown namespaces":      {scene: c(`ingress: [{action: Accept, peers: [{namespaces: {matchLabels: {a: b}}}]}]`), want: doubt},
		"accepts some pods":               {scene: c(`ingress: [{action: Accept, peers: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}}]}]`).resolves(`pods: {a=b: false}`), want: none},
		"accepts one port":                {scene: c(`ingress: [{action: Accept, peers: [{namespaces: {}}], protocols: [{protocol: TCP, from: 80, to: 80}]}]`), want: over, wantFacts: map[string]string{"found": "ClusterNetworkPolicy c ingress[0]: TCP 80"}},
		"accepts a range and a name":      {scene: c(`ingress: [{action: Accept, peers: [{namespaces: {}}], protocols: [{protocol: UDP, from: 1, to: 9}, {name: http}]}]`), want: over, wantFacts: map[string]string{"found": "ClusterNetworkPolicy c ingress[0]: UDP 1-9, http"}},
		"accepts a protocol":              {scene: c(`ingress: [{action: Accept, peers: [{namespaces: {}}], protocols: [{protocol: SCTP}]}]`), want: over, wantFacts: map[string]string{"found": "ClusterNetworkPolicy c ingress[0]: every SCTP port"}},
		"accepts an unknown protocol":     {scene: c(`ingress: [{action: Accept, peers: [{namespaces: {}}], protocols: [{protocol: GRE}]}]`), want: over, wantFacts: map[string]string{"found": "ClusterNetworkPolicy c ingress[0]: all ports"}},
		"accepts unmodelled peers":        {scene: c(`egress: [{action: Accept, peers: [{unmodelled: domainNames}]}]`), want: doubt, wantFacts: map[string]string{"undecided": "ClusterNetworkPolicy c egress[0]: its peers by domainNames are not modelled"}},
		"accepts unmodelled peers beside": {scene: c(`egress: [{action: Accept, peers: [{unmodelled: nodes}, {namespaces: {}}]}]`), want: "Deviating Overridden: ClusterNetworkPolicy c egress[0]"},
		"accepts nobody":                  {scene: c(`egress: [{action: Accept}]`), want: doubt},
		"accepts no network":              {scene: c(`egress: [{action: Accept, peers: [{networks: [everywhere]}]}]`), want: doubt},
		"accepts a peer of nobody":        {scene: c(`egress: [{action: Accept, peers: [{}]}]`), want: doubt},
		"denies unmodelled peers":         {scene: c(`egress: [{action: Deny, peers: [{unmodelled: nodes}]}]`), want: none},
		"an action that is new":           {scene: c(`ingress: [{action: Log, peers: [{namespaces: {}}]}]`), want: doubt},
		"a tier that is new":              {scene: denied(t).cluster(`name: c, tier: Ops, priority: 1`), want: doubt},
		"for some pods":                   {scene: c(`pods: {matchLabels: {app: web}}, ingress: [{action: Accept, peers: [{namespaces: {}}]}]`), want: over},
		"baseline": {
			scene: denied(t).cluster(`name: c, tier: Baseline, priority: 1, ingress: [{action: Accept, peers: [{namespaces: {}}]}]`), want: none,
			wantFacts: map[string]string{"baseline": "ClusterNetworkPolicy c"},
		},
		"recorded": {scene: accept().states(`openRules: Record`), want: "Conforming Recorded"},
		"accepted": {
			scene: accept().states(`acceptedExposure: [{namespaces: [web], direction: Ingress, any: true, reason: r, ticket: T-1}]`), want: "Conforming Accepted",
			wantFacts: map[string]string{"accepted": "ClusterNetworkPolicy c ingress[0]: all ports (T-1)"},
		},
		"accepted at another port": {scene: accept().states(`acceptedExposure: [{namespaces: [web], direction: Ingress, any: true, ports: [80], reason: r}]`), want: over},

		// The order of rules.
		"denied before": {
			scene: c(`ingress: [{action: Deny, peers: [{namespaces: {}}]}, {action: Accept, peers: [{namespaces: {}}]}]`), want: none,
			wantFacts: map[string]string{"shadowed": "ClusterNetworkPolicy c ingress[1]: all ports"},
		},
		"passed before":             {scene: c(`ingress: [{action: Pass, peers: [{namespaces: {}}]}, {action: Accept, peers: [{namespaces: {}}]}]`), want: none},
		"denied after":              {scene: c(`ingress: [{action: Accept, peers: [{namespaces: {}}]}, {action: Deny, peers: [{namespaces: {}}]}]`), want: over},
		"denied by a lower number":  {scene: accept().cluster(`name: z, tier: Admin, priority: 9, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: none},
		"denied by a higher number": {scene: accept().cluster(`name: a, tier: Admin, priority: 11, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: over},
		"denied by the same number": {
			scene: accept().cluster(`name: a, tier: Admin, priority: 10, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: doubt,
			wantFacts: map[string]string{"undecided": "ClusterNetworkPolicy c ingress[0]: which policy comes first, or whom another is for, is not known"},
		},
		"accepted by the same number":     {scene: accept().cluster(`name: a, tier: Admin, priority: 10, ingress: [{action: Accept, peers: [{namespaces: {}}]}]`), want: "Deviating Overridden: ClusterNetworkPolicy a ingress[0], ClusterNetworkPolicy c ingress[0]"},
		"denied by the baseline":          {scene: accept().cluster(`name: a, tier: Baseline, priority: 1, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: over},
		"denied the other way":            {scene: accept().cluster(`name: a, tier: Admin, priority: 1, egress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: over},
		"denied for some peers":           {scene: accept().cluster(`name: a, tier: Admin, priority: 1, ingress: [{action: Deny, peers: [{namespaces: {matchLabels: {a: b}}}]}]`).resolves(`namespaces: {a=b: false}`), want: over},
		"denied for unknown peers":        {scene: accept().cluster(`name: a, tier: Admin, priority: 1, ingress: [{action: Deny, peers: [{namespaces: {matchLabels: {a: b}}}]}]`), want: doubt},
		"denied at some ports":            {scene: accept().cluster(`name: a, tier: Admin, priority: 1, ingress: [{action: Deny, peers: [{namespaces: {}}], protocols: [{protocol: TCP, from: 80}]}]`), want: over},
		"denied at its ports":             {scene: c(`ingress: [{action: Deny, peers: [{namespaces: {}}], protocols: [{protocol: TCP, from: 80, to: 90}]}, {action: Accept, peers: [{namespaces: {}}], protocols: [{protocol: TCP, from: 85}]}]`), want: none},
		"denied at no port of sense":      {scene: c(`ingress: [{action: Deny, peers: [{namespaces: {}}], protocols: [{protocol: GRE}]}, {action: Accept, peers: [{namespaces: {}}]}]`), want: "Deviating Overridden: ClusterNetworkPolicy c ingress[1]"},
		"denied for some pods":            {scene: accept().cluster(`name: a, tier: Admin, priority: 1, pods: {matchLabels: {app: web}}, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: over},
		"denied for the same pods":        {scene: c(`pods: {matchLabels: {app: web}}, ingress: [{action: Accept, peers: [{namespaces: {}}]}]`).cluster(`name: a, tier: Admin, priority: 1, pods: {matchLabels: {app: web}}, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: none},
		"denied for all pods that run":    {scene: accept().cluster(`name: a, tier: Admin, priority: 1, pods: {matchExpressions: [{key: app, operator: Exists}]}, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: none},
		"denied for pods, none runs":      {scene: denied(t).cluster(`name: c, tier: Admin, priority: 10, ingress: [{action: Accept, peers: [{namespaces: {}}]}]`).cluster(`name: a, tier: Admin, priority: 1, pods: {matchLabels: {app: web}}, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: over},
		"same number, other pods":         {scene: c(`pods: {matchLabels: {app: web}}, ingress: [{action: Accept, peers: [{namespaces: {}}]}]`).cluster(`name: a, tier: Admin, priority: 10, pods: {matchLabels: {app: db}}, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: over},
		"pods passed, addresses accepted": {scene: c(`egress: [{action: Pass, peers: [{namespaces: {}}]}, {action: Accept, peers: [{networks: [0.0.0.0/0, "::/0"]}]}]`), want: "Deviating Overridden: ClusterNetworkPolicy c egress[1]"},
		"addresses denied, pods accepted": {scene: c(`egress: [{action: Deny, peers: [{networks: [0.0.0.0/0, "::/0"]}]}, {action: Accept, peers: [{namespaces: {}}]}]`), want: none},
		"denied by two rules together":    {scene: c(`egress: [{action: Deny, peers: [{networks: [0.0.0.0/0]}]}, {action: Pass, peers: [{networks: ["::/0"]}]}, {action: Accept, peers: [{networks: [0.0.0.0/0, "::/0"]}]}]`), want: none},
		"one family denied":               {scene: c(`egress: [{action: Deny, peers: [{networks: [0.0.0.0/0]}]}, {action: Accept, peers: [{networks: [0.0.0.0/0, "::/0"]}]}]`), want: "Deviating Overridden: ClusterNetworkPolicy c egress[1]"},
		"unmodelled, all denied before":   {scene: c(`egress: [{action: Deny, peers: [{networks: [0.0.0.0/0, "::/0"]}]}, {action: Accept, peers: [{unmodelled: domainNames}]}]`), want: none},
		"unmodelled, pods denied before":  {scene: c(`egress: [{action: Deny, peers: [{namespaces: {}}]}, {action: Accept, peers: [{unmodelled: domainNames}]}]`), want: doubt},

		// Kinds that nobody models.
		"a kind not modelled": {
			scene: denied(t).change(unmodelled), want: doubt,
			wantFacts: map[string]string{"undecided": "CiliumNetworkPolicy web/open: its kind is not modelled; GlobalNetworkPolicy all: its kind is not modelled"},
		},
		"not modelled beside an override": {scene: accept().change(unmodelled), want: over},
		"not modelled, where recorded":    {scene: denied(t).states(`openRules: Record`).change(unmodelled), want: doubt},
		"cluster policies not observed":   {scene: denied(t).unavailable(control.NeedClusterPolicies), want: "NotEvaluated Forbidden"},
		"pods not observed":               {scene: denied(t).unavailable(control.NeedPods), want: "NotEvaluated Forbidden"},
	})
}

func unmodelled(in *control.Input) {
	in.Snapshot.Unmodelled = []control.ObjectRef{
		{Kind: "GlobalNetworkPolicy", Name: "all"}, {Kind: "CiliumNetworkPolicy", Namespace: "web", Name: "open"},
	}
}
