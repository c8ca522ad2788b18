package controlplane

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"k8s.io/client-go/rest"
)

// proxyBuffer is how many bytes of one direction the proxy holds at most.
const proxyBuffer = 32 << 10

// Proxy forwards connections to an API server and can make them stall or break,
// while both ends are healthy. Its methods may be used concurrently.
type Proxy struct {
	addr, target string
	forwarders   sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while the proxy refuses connections
	links    map[*link]struct{}
	closed   bool
}

// link is one forwarded connection.
type link struct {
	client, server net.Conn
	// gate is held for reading by whoever passes bytes on, and for writing while
	// the link is frozen: when Freeze returns, nothing more gets through.
	gate   sync.RWMutex
	frozen bool // guarded by Proxy.mu
}

func newProxy(addr, target string) (*Proxy, error) {
	p := &Proxy{addr: addr, target: target, links: map[*link]struct{}{}}
	return p, p.Resume()
}

// RESTConfig returns a copy of the client configuration that goes through the
// proxy.
func (p *Proxy) RESTConfig(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Host = "https://" + p.addr
	return cfg
}

// Addr returns the host:port at which the proxy listens.
func (p *Proxy) Addr() string {
	return p.addr
}

// Freeze stops forwarding on the connections that exist, in both directions, and
// keeps them open. Connections made later work. When it returns, no byte gets
// through any more.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if !l.frozen {
			l.gate.Lock()
			l.frozen = true
		}
	}
}

// Cut closes all connections and refuses new ones.
func (p *Proxy) Cut() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut()
}

// Resume ends Freeze, with no byte lost, and Cut. Connections that were cut stay
// closed. It fails when the proxy is closed, or another process took its port.
func (p *Proxy) Resume() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errors.New("resume the proxy: it is closed")
	}
	for l := range p.links {
		l.thaw()
	}
	if p.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", p.addr)
	if err != nil {
		return fmt.Errorf("resume the proxy: %w", err)
	}
	p.listener = listener
	p.forwarders.Go(func() { p.accept(listener) })
	return nil
}

// Close ends the proxy and all its connections.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	err := p.cut()
	p.mu.Unlock()
	p.forwarders.Wait()
	return err
}

// cut does the work of Cut; the caller holds mu.
func (p *Proxy) cut() error {
	var err error
	if p.listener != nil {
		err = p.listener.Close()
		p.listener = nil
	}
	for l := range p.links {
		l.close()
		l.thaw()
	}
	clear(p.links)
	return err
}

// accept serves one listener until it is closed.
func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		p.forwarders.Go(func() { p.serve(listener, client) })
	}
}

// serve forwards one connection until either end closes it.
func (p *Proxy) serve(listener net.Listener, client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close() // the client sees what it would see of a dead server
		return
	}
	l := &link{client: client, server: server}
	if !p.admit(listener, l) {
		l.close()
		return
	}
	var directions sync.WaitGroup
	directions.Go(func() { l.forward(server, client) })
	directions.Go(func() { l.forward(client, server) })
	directions.Wait()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// admit registers a link, unless the proxy was cut since it was accepted.
func (p *Proxy) admit(listener net.Listener, l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != listener {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

// forward passes bytes from one end to the other until either is closed, and
// then closes both. A frozen link passes on nothing, not even the end.
func (l *link) forward(to io.Writer, from io.Reader) {
	buffer := make([]byte, proxyBuffer)
	for {
		n, readErr := from.Read(buffer)
		l.gate.RLock()
		_, writeErr := to.Write(buffer[:n])
		if readErr != nil || writeErr != nil {
			l.close()
		}
		l.gate.RUnlock()
		if readErr != nil || writeErr != nil {
			return
		}
	}
}

// thaw ends a freeze; the caller holds the proxy's mu.
func (l *link) thaw() {
	if l.frozen {
		l.frozen = false
		l.gate.Unlock()
	}
}

// close closes both ends; either may be closed already, which is what is wanted.
func (l *link) close() {
	_ = l.client.Close()
	_ = l.server.Close()
}
