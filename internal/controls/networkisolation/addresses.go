package networkisolation

import (
	"net/netip"

	"go4.org/netipx"
	networkingv1 "k8s.io/api/networking/v1"
)

// readBlock returns the addresses of an ipBlock: its network less what it
// excepts. It reports false where a network cannot be parsed.
func readBlock(block networkingv1.IPBlock) (*netipx.IPSet, bool) {
	var builder netipx.IPSetBuilder
	network, ok := readNetwork(block.CIDR)
	if !ok {
		return nil, false
	}
	builder.AddPrefix(network)
	for _, except := range block.Except {
		network, ok := readNetwork(except)
		if !ok {
			return nil, false
		}
		builder.RemovePrefix(network)
	}
	set, err := builder.IPSet()
	return set, err == nil
}

// readNetwork parses a network. One of IPv4 that is written as IPv6 is one of
// IPv4, as it is to API servers that admit it.
func readNetwork(cidr string) (netip.Prefix, bool) {
	network, err := netip.ParsePrefix(cidr)
	if err != nil {
		return netip.Prefix{}, false
	}
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network.Masked(), true
}

func blockContains(block networkingv1.IPBlock, address netip.Addr) bool {
	set, ok := readBlock(block)
	return ok && set.Contains(address.Unmap())
}

// wholeFamilies returns which address families a set covers entirely, in words,
// or "".
func wholeFamilies(set *netipx.IPSet) string {
	v4 := set.ContainsPrefix(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
	v6 := set.ContainsPrefix(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	switch {
	case v4 && v6:
		return "every address"
	case v4:
		return "every IPv4 address"
	case v6:
		return "every IPv6 address"
	default:
		return ""
	}
}
