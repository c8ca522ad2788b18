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
	addr, target *net.TCPAddr
	forwarders   sync.WaitGroup

	mu       sync.Mutex
	listener *net.TCPListener // nil while the proxy refuses connections
	links    map[*link]struct{}
	closed   bool
}

// link is one forwarded connection.
type link struct {
	client, server *net.TCPConn
	// gate is held for reading by whoever passes bytes on, and for writing while
	// the link is frozen: when Freeze returns, nothing more gets through.
	gate   sync.RWMutex
	frozen bool // guarded by Proxy.mu
}

func newProxy(addr, target string) (*Proxy, error) {
	listen, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("make a proxy: %w", err)
	}
	forward, err := net.ResolveTCPAddr("tcp", target)
	if err != nil {
		return nil, fmt.Errorf("make a proxy: %w", err)
	}
	p := &Proxy{addr: listen, target: forward, links: map[*link]struct{}{}}
	return p, p.Resume()
}

// RESTConfig returns a copy of the client configuration that goes through the
// proxy.
func (p *Proxy) RESTConfig(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Host = "https://" + p.Addr()
	return cfg
}

// Addr returns the host:port at which the proxy listens.
func (p *Proxy) Addr() string {
	return p.addr.String()
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
	listener, err := net.ListenTCP("tcp", p.addr)
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
func (p *Proxy) accept(listener *net.TCPListener) {
	for {
		client, err := listener.AcceptTCP()
		if err != nil {
			return
		}
		p.forwarders.Go(func() { p.serve(listener, client) })
	}
}

// serve forwards one connection until both ends have closed it.
func (p *Proxy) serve(listener *net.TCPListener, client *net.TCPConn) {
	server, err := net.DialTCP("tcp", nil, p.target)
	if err != nil {
		_ = client.Close() // the client sees what it would see of a dead server
		return
	}
	l := &link{client: client, server: server}
	defer l.close()
	if !p.admit(listener, l) {
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
func (p *Proxy) admit(listener *net.TCPListener, l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != listener {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

// forward passes bytes from one end to the other, and then the end of the
// stream. A frozen link passes on neither. An error closes the whole link.
func (l *link) forward(to, from *net.TCPConn) {
	buffer := make([]byte, proxyBuffer)
	for {
		n, readErr := from.Read(buffer)
		if err := l.pass(to, buffer[:n], readErr); err != nil {
			return
		}
	}
}

// pass hands on what one read returned: bytes, the end of the stream, or an
// error. It returns an error when nothing can follow.
func (l *link) pass(to *net.TCPConn, data []byte, readErr error) error {
	l.gate.RLock()
	defer l.gate.RUnlock()
	_, err := to.Write(data)
	if err == nil && errors.Is(readErr, io.EOF) {
		return errors.Join(readErr, to.CloseWrite())
	}
	if err = errors.Join(err, readErr); err != nil {
		l.close()
	}
	return err
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
