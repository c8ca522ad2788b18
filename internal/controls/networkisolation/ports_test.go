package networkisolation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestPortSetString(t *testing.T) {
	tcp := func(first, last int32) portSet { return portsOf(corev1.ProtocolTCP, first, last) }
	cases := map[string]struct {
		set  portSet
		want string
	}{
		"nothing":          {want: ""},
		"everything":       {set: everyPort(), want: "all ports"},
		"a protocol":       {set: portsOf(corev1.ProtocolUDP, 1, 65535), want: "every UDP port"},
		"a port":           {set: tcp(80, 80), want: "TCP 80"},
		"a range":          {set: tcp(80, 90), want: "TCP 80-90"},
		"neighbours":       {set: unionOf(tcp(81, 90), tcp(80, 80), tcp(91, 99)), want: "TCP 80-99"},
		"names":            {set: portSet{names: []portName{{corev1.ProtocolTCP, "http"}, {"", "dns"}}}, want: "TCP http, dns"},
		"the edges":        {set: unionOf(tcp(65535, 65535), portsOf(corev1.ProtocolUDP, 1, 1)), want: "TCP 65535, UDP 1"},
		"many":             {set: unionOf(tcp(1, 1), tcp(3, 3), tcp(5, 5), tcp(7, 7), tcp(9, 9), tcp(11, 11), tcp(13, 13), tcp(15, 15)), want: "TCP 1, TCP 3, TCP 5, TCP 7, TCP 9, TCP 11, 2 more"},
		"all but one port": {set: everyPort().minus(unionOf(tcp(443, 443), portsOf(corev1.ProtocolSCTP, 1, 65535))), want: "TCP 1-442, TCP 444-65535, every UDP port"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.set.String(); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// TestPortSets: sets of ranges agree with sets of single ports.
func TestPortSets(t *testing.T) {
	anySet := rapid.Custom(func(t *rapid.T) portSet {
		var sets []portSet
		for range rapid.IntRange(0, 4).Draw(t, "ranges") {
			first := rapid.Int32Range(1, 12).Draw(t, "first")
			protocol := rapid.SampledFrom(protocols()[:2]).Draw(t, "protocol")
			sets = append(sets, portsOf(protocol, first, first+rapid.Int32Range(0, 4).Draw(t, "more")))
		}
		return unionOf(sets...)
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := anySet.Draw(t, "a"), anySet.Draw(t, "b")
		union, minus, overlap := unionOf(a, b), a.minus(b), false
		for _, protocol := range protocols() {
			for number := range int32(20) {
				p := control.Port{Protocol: protocol, Port: number + 1}
				inA, inB := a.contains(p), b.contains(p)
				overlap = overlap || inA && inB
				if got := union.contains(p); got != (inA || inB) {
					t.Fatalf("%v in %s ∪ %s: %v", p, a, b, got)
				}
				if got := minus.contains(p); got != (inA && !inB) {
					t.Fatalf("%v in %s less %s: %v", p, a, b, got)
				}
			}
		}
		if got := a.overlaps(b); got != overlap {
			t.Fatalf("%s overlaps %s: %v", a, b, got)
		}
		if diff := cmp.Diff(a.String(), unionOf(a, a).String()); diff != "" {
			t.Fatalf("a set with itself:\n%s", diff)
		}
	})
}
