package encryptionintransit

import (
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// spoken says whether what is spoken at a port is encrypted.
type spoken int

const (
	notKnown spoken = iota
	encrypted
	inTheClear
)

// protocols are names of protocols, as appProtocol and names of ports have them,
// that are encrypted always or never. What begins in the clear and is upgraded, or
// is spoken either way under one name, such as postgres or grpc, is not known.
var protocols = map[string]spoken{
	"https": encrypted, "tls": encrypted, "ssl": encrypted, "wss": encrypted, "kubernetes.io/wss": encrypted, "quic": encrypted,
	"http3": encrypted, "h3": encrypted, "ssh": encrypted, "sftp": encrypted, "ldaps": encrypted, "imaps": encrypted, "pop3s": encrypted,
	"smtps": encrypted, "amqps": encrypted, "mqtts": encrypted, "ftps": encrypted, "rediss": encrypted, "wireguard": encrypted,
	"hbone": encrypted, "grpcs": encrypted,
	"http": inTheClear, "h2c": inTheClear, "kubernetes.io/h2c": inTheClear, "ws": inTheClear, "kubernetes.io/ws": inTheClear,
	"ftp": inTheClear, "tftp": inTheClear, "telnet": inTheClear, "dns": inTheClear, "memcached": inTheClear, "statsd": inTheClear,
	"syslog": inTheClear, "snmp": inTheClear,
}

// ports are numbers that stand for a protocol, but for those that are spoken
// either way.
var ports = map[int32]string{
	21: "ftp", 22: "ssh", 23: "telnet", 53: "dns", 69: "tftp", 80: "http", 443: "https", 465: "smtps", 514: "syslog", 636: "ldaps",
	853: "tls", 989: "ftps", 990: "ftps", 993: "imaps", 995: "pop3s", 5671: "amqps", 6443: "https", 8080: "http", 8443: "https",
	8883: "mqtts", 11211: "memcached", 15008: "hbone",
}

// protocolOf tells what is spoken at a port, and what says so: appProtocol decides
// alone; a name and a number that contradict each other decide nothing.
func protocolOf(p control.ServicePort) (is spoken, by string) {
	if p.AppProtocol != "" {
		return protocols[strings.ToLower(p.AppProtocol)], "appProtocol " + p.AppProtocol
	}
	byName, _, _ := strings.Cut(p.Name, "-")
	named, numbered := protocols[byName], protocols[ports[p.Port.Port]]
	switch {
	case named == notKnown && !upgraded[byName]:
		return numbered, "its number"
	case named == numbered || numbered == notKnown:
		return named, "its name " + p.Name
	}
	return notKnown, ""
}

// upgraded are protocols that are spoken in the clear and encrypted alike: a port
// that is named so is not what its number says.
var upgraded = map[string]bool{
	"grpc": true, "http2": true, "postgres": true, "postgresql": true, "mysql": true, "mongo": true,
	"mongodb": true, "redis": true, "kafka": true, "ldap": true, "smtp": true, "imap": true, "amqp": true, "mqtt": true,
}
