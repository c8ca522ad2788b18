package report

import (
	"encoding/json"
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// interner keeps one of each subject, state, policy reference and text, found
// by the bytes that state it: entries say the same of the same again and again.
type interner struct {
	subjects map[string]*control.Subject
	bySelf   map[control.Subject]*control.Subject
	states   map[string]*control.State
	policies map[string]*ledger.PolicyRef
	texts    map[string]string
}

func newInterner() interner {
	return interner{
		subjects: map[string]*control.Subject{}, bySelf: map[control.Subject]*control.Subject{},
		states: map[string]*control.State{}, policies: map[string]*ledger.PolicyRef{}, texts: map[string]string{},
	}
}

func interned[T any](known map[string]*T, name string, data []byte) (*T, error) {
	if v, ok := known[string(data)]; ok {
		return v, nil
	}
	if data == nil {
		return nil, fmt.Errorf("it has no %s", name)
	}
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return nil, fmt.Errorf("its %s: %w", name, err)
	}
	known[string(data)] = v
	return v, nil
}

func (n *interner) subject(l *line) (*control.Subject, error) {
	data := l.parts["subject"]
	if s, ok := n.subjects[string(data)]; ok {
		return s, nil
	}
	s, err := interned(n.subjects, "subject", data)
	if err != nil {
		return nil, err
	}
	s = n.same(*s)
	n.subjects[string(data)] = s
	return s, nil
}

// same is the one pointer to a subject.
func (n *interner) same(s control.Subject) *control.Subject {
	if p, ok := n.bySelf[s]; ok {
		return p
	}
	n.bySelf[s] = &s
	return &s
}

func (n *interner) policy(l *line) (*ledger.PolicyRef, error) {
	ref, err := interned(n.policies, "policy", l.parts["policy"])
	if err == nil && ref.Name == "" {
		return nil, fmt.Errorf("its policy has no name")
	}
	return ref, err
}

func (n *interner) state(l *line, name string) (*control.State, error) {
	return interned(n.states, name, l.parts[name])
}

// part is the string that a part of the entry states.
func (n *interner) part(l *line, name string) string {
	return n.bytes(l.parts[name])
}

// bytes is the content of a JSON string.
func (n *interner) bytes(data []byte) string {
	if len(data) > 2 {
		if t, ok := n.texts[string(data[1:len(data)-1])]; ok {
			return t
		}
	}
	return n.text(text(data))
}

func (n *interner) text(s string) string {
	if t, ok := n.texts[s]; ok {
		return t
	}
	n.texts[s] = s
	return s
}
