package controlplane

import (
	"net"
	"strconv"
	"testing"
)

func TestPortsAreReserved(t *testing.T) {
	reservations := &ports{}
	t.Cleanup(reservations.close)
	port, err := reservations.next()
	if err != nil {
		t.Fatal(err)
	}
	if other, err := reserve(address(port)); err == nil {
		_ = other.Close()
		t.Errorf("port %s was given away twice while its server was not there", port)
	}
	server, err := net.Listen("tcp", address(port))
	if err != nil {
		t.Fatalf("the server that the port is for: %v", err)
	}
	if number, err := strconv.Atoi(port); err != nil || number < firstPort || number >= lastPort {
		t.Errorf("port %s, wanted one of %d to %d", port, firstPort, lastPort-1)
	}
	reservations.close()
	if other, err := reserve(address(port)); err == nil {
		_ = other.Close()
		t.Errorf("port %s was given away while somebody listened on it", port)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := reserve(address(port))
	if err != nil {
		t.Fatalf("a port that was given back: %v", err)
	}
	_ = again.Close()
}
