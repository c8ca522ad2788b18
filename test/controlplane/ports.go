package controlplane

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
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

// ports hands out free loopback ports, each only once.
type ports struct {
	taken map[int]bool
}

// next returns a port on which nothing listens.
func (p *ports) next() (string, error) {
	var errs []error
	for range portAttempts {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if p.taken[port] {
			continue
		}
		number := strconv.Itoa(port)
		listener, err := net.Listen("tcp", address(number))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if err := listener.Close(); err != nil {
			return "", fmt.Errorf("release port %d: %w", port, err)
		}
		p.taken[port] = true
		return number, nil
	}
	return "", fmt.Errorf("no free port after %d attempts: %w", portAttempts, errors.Join(errs...))
}

// address returns the host:port of a loopback port.
func address(port string) string {
	return net.JoinHostPort(loopback, port)
}
