package v1alpha1_test

import "strings"

// Where the full example has what the rules are about.
const (
	inTransit   = "spec.controls[2].encryptionInTransit"
	ofIngress   = inTransit + ".ingress"
	handshaking = ofIngress + ".handshake"
	plainPort   = inTransit + ".services.plainPorts[0]"
)

func encryptionInTransitRules() []rule {
	const (
		outside = "encryptionInTransit.ingress states guard, which is of the cluster: set scope.cluster to Included, or remove it"
		twice   = "only one control may state guard of encryptionInTransit.ingress: the cluster has one for a policy"
	)
	ingress := func(cluster any, fields map[string]any) edits {
		return ofNamespaces(edits{"spec.scope.cluster": cluster, atRest + ".volumes": nil, ofIngress: fields})
	}
	second := func(fields map[string]any) edits {
		return edits{"spec.controls[0].networkIsolation": nil, "spec.controls[0].encryptionInTransit": map[string]any{"ingress": fields}}
	}
	guard := map[string]any{"guard": map[string]any{}}
	return append(inTransitDurations(),
		rule{
			field: "spec.controls", message: outside,
			accept: []edits{ingress("Excluded", map[string]any{}), ingress("Included", guard), ingress(nil, nil)},
			refuse: []edits{ingress("Excluded", guard), ingress(nil, guard)},
		},
		rule{
			field: "spec.controls", message: twice,
			accept: []edits{second(map[string]any{"certificates": "Ignore"})},
			refuse: []edits{second(guard)},
		},
		rule{
			field: handshaking + ".endpoints[0].address", message: "address must be an IP address or a DNS name, such as ingress-nginx-controller.ingress-nginx.svc, without scheme and port",
			accept: each(handshaking+".endpoints[0].address", "10.96.0.80", "fd00::1", "a", "edge.example.com", strings.Repeat("a.", 126)+"a"),
			refuse: each(handshaking+".endpoints[0].address", "", "https://edge", "10.96.0.80:443", "[fd00::1]", "a b", "-a", "10.0.0.0/8", "Edge"),
		},
		rule{
			field: plainPort + ".reason", message: "reason must say why the ports are in the clear",
			accept: each(plainPort+".reason", "x"),
			refuse: each(plainPort+".reason", "", " \t"),
		},
	)
}

func inTransitDurations() []rule {
	threshold := func(path, example string) rule {
		return rule{
			field: path, message: "expiryThreshold must be a duration from 1h to 8760h, such as " + example,
			accept: each(path, "1h", "60m", "8760h", "720h0m0s"),
			refuse: each(path, "", "30d", "59m59s", "0s", "8760h1s", "9000h", "-1h"),
		}
	}
	interval := func(path string) rule {
		return rule{
			field: path, message: "every must be a duration from 30s to 168h, such as 6h",
			accept: each(path, "30s", "15m", "168h", "30.5s"),
			refuse: each(path, "", "1d", "29s", "29.9s", "168h1s", "169h"),
		}
	}
	const strictAfter = inTransit + ".mesh.strictAfter"
	return []rule{
		threshold(ofIngress+".expiryThreshold", "720h"), threshold(inTransit+".gateway.expiryThreshold", "720h"),
		threshold(inTransit+".certificates.expiryThreshold", "168h"), interval(handshaking + ".every"), interval(inTransit + ".apiServer.every"),
		{
			field: strictAfter, message: "strictAfter must be a duration from 1m to 2160h, such as 24h",
			accept: each(strictAfter, "1m", "60s", "2160h", "24h0m0s"),
			refuse: each(strictAfter, "", "1d", "59s", "2160h1s", "2161h"),
		},
	}
}
