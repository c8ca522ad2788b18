package v1alpha1_test

import "slices"

// Where the full example has what the rules are about.
const (
	isolation = "spec.controls[0].networkIsolation"
	allowDNS  = isolation + ".allow[0]"
	allowRule = isolation + ".allow[2]"
	traffic   = allowRule + ".rule"
	podPeer   = traffic + ".peers[0]"
	ipBlock   = traffic + ".peers[1].ipBlock"
	portRange = traffic + ".ports[0]"
	portName  = traffic + ".ports[1].name"
	accepted  = isolation + ".acceptedExposure[0]"
)

func networkIsolationRules() []rule {
	return slices.Concat(directionRules(), allowRules(), trafficRules(), peerRules(), portRules(), acceptedExposureRules())
}

// directionRules tie allowances to the directions that are denied.
func directionRules() []rule {
	isolating := func(direction, allowance string) edits {
		item := map[string]any{"type": allowance}
		return edits{isolation: map[string]any{"defaultDeny": []any{direction}, "allow": []any{item}}, "spec.controls[0].mode": "Observe"}
	}
	return []rule{
		{
			field:   isolation + ".allow",
			message: "allow lists DNS or APIServer, which are allowances of egress: list Egress in defaultDeny too, or remove them",
			accept:  []edits{isolating("Egress", "DNS"), isolating("Egress", "APIServer"), isolating("Ingress", "SameNamespace"), isolating("Egress", "SameNamespace")},
			refuse:  []edits{isolating("Ingress", "DNS"), isolating("Ingress", "APIServer")},
		},
		{
			field:   isolation + ".allow",
			message: "allow lists AdmissionBackends, which is an allowance of ingress: list Ingress in defaultDeny too, or remove it",
			accept:  []edits{isolating("Ingress", "AdmissionBackends")},
			refuse:  []edits{isolating("Egress", "AdmissionBackends")},
		},
		{
			field:   isolation + ".allow",
			message: "allow has a rule of a direction that defaultDeny does not list: list the direction, or remove the rule",
			accept:  []edits{{traffic + ".direction": "Egress"}, {traffic + ".direction": "Egress", isolation + ".defaultDeny": []any{"Egress"}}},
			refuse:  []edits{{isolation + ".defaultDeny": []any{"Egress"}}},
		},
	}
}

func allowRules() []rule {
	typed := func(types ...string) edits {
		var list []any
		for _, one := range types {
			list = append(list, map[string]any{"type": one})
		}
		return edits{isolation + ".allow": list}
	}
	named := func(names ...string) edits {
		list := []any{map[string]any{"type": "DNS"}}
		for _, name := range names {
			peers := []any{map[string]any{"podSelector": map[string]any{}}}
			list = append(list, map[string]any{"type": "Rule", "rule": map[string]any{"name": name, "direction": "Egress", "peers": peers}})
		}
		return edits{isolation + ".allow": list}
	}
	return []rule{
		{
			field: isolation + ".allow", message: "allow must list each type at most once, but for Rule",
			accept: []edits{typed("DNS", "SameNamespace", "APIServer", "AdmissionBackends"), named("a", "b")},
			refuse: []edits{typed("DNS", "DNS"), typed("DNS", "SameNamespace", "APIServer", "SameNamespace")},
		},
		{
			field: isolation + ".allow", message: "allow must have rules with different names",
			accept: []edits{named("a", "b", "c")},
			refuse: []edits{named("a", "a"), named("a", "b", "a")},
		},
		{
			field: allowRule + ".rule", message: "rule must be set with type Rule, and with no other",
			accept: []edits{typed("DNS"), named("a")},
			refuse: []edits{{traffic: nil}, {allowRule + ".type": "APIServer"}},
		},
		{
			field: allowDNS + ".cidrs", message: "cidrs may be set with type DNS and type APIServer only",
			accept: []edits{{allowDNS + ".type": "APIServer", "spec.controls[0].mode": "Observe"}},
			refuse: []edits{{allowDNS + ".type": "AdmissionBackends", "spec.controls[0].mode": "Observe"}},
		},
		networks(allowDNS+".cidrs[0]", "cidrs must hold networks"),
	}
}

func trafficRules() []rule {
	const name = traffic + ".name"
	return []rule{
		{
			field: name, message: "name must consist of lower-case letters, digits and '-', with a letter or digit first and last",
			accept: each(name, "a", "1", "from-the-mesh"),
			refuse: each(name, "", "-a", "a-", "A", "a.b", "a b", "ä"),
		},
		nestedOperator(traffic + ".podSelector"),
	}
}

func peerRules() []rule {
	const exceptions = ipBlock + ".except"
	return []rule{
		{
			field: podPeer, message: "a peer must have either ipBlock, or namespaceSelector or podSelector or both",
			accept: []edits{
				{podPeer + ".podSelector": nil},
				{podPeer + ".namespaceSelector": nil},
				{podPeer: map[string]any{"namespaceSelector": map[string]any{}}},
				{podPeer: map[string]any{"ipBlock": map[string]any{"cidr": "0.0.0.0/0"}}},
			},
			refuse: []edits{
				{podPeer: map[string]any{}},
				{podPeer + ".ipBlock": map[string]any{"cidr": "10.0.0.0/8"}},
				{podPeer + ".podSelector": nil, podPeer + ".ipBlock": map[string]any{"cidr": "10.0.0.0/8"}},
			},
		},
		nestedOperator(podPeer + ".namespaceSelector"),
		nestedOperator(podPeer + ".podSelector"),
		networks(ipBlock+".cidr", "cidr must be a network"),
		networks(exceptions+"[0]", "except must hold networks"),
		{
			field: exceptions, message: "except must hold networks within cidr, and smaller than it",
			accept: []edits{
				{exceptions: []any{"10.0.0.0/9", "10.255.255.255/32"}},
				{ipBlock: map[string]any{"cidr": "::/0", "except": []any{"fd00::/8"}}},
			},
			refuse: []edits{
				{exceptions: []any{"11.0.0.0/16"}},
				{exceptions: []any{"10.0.0.0/8"}},
				{exceptions: []any{"10.1.0.0/16", "0.0.0.0/0"}},
				{ipBlock + ".cidr": "::/0"},
			},
		},
	}
}

func portRules() []rule {
	return []rule{
		{
			field: portRange, message: "exactly one of the fields in [port name] must be set",
			accept: each(portRange, map[string]any{"port": int64(53)}, map[string]any{"name": "dns", "protocol": "UDP"}),
			refuse: append(each(portRange, map[string]any{}), edits{portRange + ".name": "metrics"}),
		},
		{
			field: portRange + ".endPort", message: "endPort must not be smaller than port, and needs it",
			accept: each(portRange+".endPort", int64(9090), int64(65535), nil),
			refuse: []edits{{portRange + ".endPort": int64(9089)}, {portRange + ".port": nil, portRange + ".name": "metrics"}},
		},
		{
			field: portName, message: "name must be the name of a container port: lower-case letters, digits and '-', with at least one letter",
			accept: each(portName, "a", "http-2", "2-a"),
			refuse: each(portName, "", "80", "-a", "a-", "a--b", "HTTP", "a.b"),
		},
	}
}

func acceptedExposureRules() []rule {
	return []rule{
		{
			field: accepted, message: "at least one of the fields in [any exposures] must be set",
			accept: []edits{{accepted + ".any": nil}, {accepted + ".exposures": nil}},
			refuse: []edits{{accepted + ".any": nil, accepted + ".exposures": nil}},
		},
		{
			field: accepted + ".exposures", message: "exposures are ways in: direction must be Ingress",
			accept: []edits{{accepted + ".direction": "Egress", accepted + ".exposures": nil}},
			refuse: each(accepted+".direction", "Egress"),
		},
		{
			field: accepted + ".any", message: "any must be true, or left out",
			accept: each(accepted+".any", true, nil),
			refuse: each(accepted+".any", false),
		},
		{
			field: accepted + ".reason", message: "reason must say why the exposure is accepted",
			accept: each(accepted+".reason", "x"),
			refuse: each(accepted+".reason", "", " \n"),
		},
	}
}

// networks are those that the API server accepts in a NetworkPolicy.
func networks(path, message string) rule {
	good := []string{"10.0.0.0/9", "10.1.2.3/32"}
	bad := []string{"", "10.0.0.1", "10.1.2.3/16", "10.0.0.0/33", "010.0.0.0/8", "10.0.0.0/08", "::ffff:10.0.0.0/104", "fe80::%eth0/64", "a/8"}
	if field(path) != "except" { // those must be within 10.0.0.0/8
		good = append(good, "0.0.0.0/0", "fd00::/8", "2001:db8::1/128")
		bad = append(bad, "fd00::1/8")
	}
	r := rule{field: path, message: message + ", such as 10.0.0.0/8, 10.1.2.3/32 or fd00::/8, with no bits set beyond the prefix"}
	for _, network := range good {
		r.accept = append(r.accept, fitting(path, network)...)
	}
	for _, text := range bad {
		r.refuse = append(r.refuse, fitting(path, text)...)
	}
	return r
}

// nestedOperator is the rule on the values of a selector deep within lists.
func nestedOperator(selector string) rule {
	requirement := selector + ".matchExpressions[0]"
	return rule{
		field: requirement + ".values", message: "values must be there with operator In or NotIn, and with no other",
		accept: []edits{
			{requirement + ".operator": "NotIn"},
			{requirement + ".operator": "Exists", requirement + ".values": nil},
			{requirement + ".operator": "DoesNotExist", requirement + ".values": []any{}},
		},
		refuse: []edits{
			{requirement + ".values": nil},
			{requirement + ".values": []any{}, requirement + ".operator": "NotIn"},
			{requirement + ".operator": "Exists"},
			{requirement + ".operator": "DoesNotExist"},
		},
	}
}
