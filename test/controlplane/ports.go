package controlplane

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

const (
	loopback = "127.0.0.1"

	// Ports are taken from below the ranges from which operating systems number
	// outgoing connections, so that no client takes the port of a server that is
	// stopped for a moment.
	firstPort = 20000
	lastPort  = 32000

	portAttempts = 100
)

// ports hands out free loopback ports for TCP. Nobody else who asks for one is given
// the same, in this process or another, until it is closed: while the server of a
// port is not there yet, or is down, its reservation is the port of UDP that has the
// same number, which none of the servers listens on.
type ports struct {
	mu       sync.Mutex
	reserved []net.PacketConn
}

// next returns a port on which nothing listens.
func (p *ports) next() (string, error) {
	var errs []error
	for range portAttempts {
		number := strconv.Itoa(firstPort + rand.IntN(lastPort-firstPort))
		reservation, err := reserve(address(number))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.reserved = append(p.reserved, reservation)
		return number, nil
	}
	return "", fmt.Errorf("no free port after %d attempts: %w", portAttempts, errors.Join(errs...))
}

// reserve reserves an address for a server, unless another has it or listens there.
func reserve(address string) (net.PacketConn, error) {
	reservation, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, errors.Join(err, reservation.Close())
	}
	if err := listener.Close(); err != nil {
		return nil, errors.Join(fmt.Errorf("release %s: %w", address, err), reservation.Close())
	}
	return reservation, nil
}

// close gives all ports back.
func (p *ports) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, reservation := range p.reserved {
		_ = reservation.Close() // it held nothing but its number
	}
	p.reserved = nil
}

// address returns the host:port of a loopback port.
func address(port string) string {
	return net.JoinHostPort(loopback, port)
}
