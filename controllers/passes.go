package controllers

import "sync"

// passes say over which namespaces a pass is asked for, or under way: what is
// recorded of those may not be what the stores hold.
type passes struct {
	mu sync.Mutex
	by map[string]passState
}

type passState struct{ asked, under bool }

// ask takes note that a pass is asked for.
func (p *passes) ask(namespace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.by[namespace]
	s.asked = true
	p.by[namespace] = s
}

// begin takes note that a pass begins: what is asked for from now on is another one.
func (p *passes) begin(namespace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.by[namespace] = passState{under: true}
}

// end takes note that a pass is over, or has to be made again.
func (p *passes) end(namespace string, again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := passState{asked: p.by[namespace].asked || again}
	if !s.asked {
		delete(p.by, namespace)
		return
	}
	p.by[namespace] = s
}

// settled reports whether no pass is asked for, or under way.
func (p *passes) settled(namespace string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, open := p.by[namespace]
	return !open
}
