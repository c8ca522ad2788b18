package ledger

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// knownSchema is the schema of a state snapshot's content.
const knownSchema = "holdfast.dev/known/v1"

// knownJSON is the canonical form of Known: everything that the fold keeps, sorted.
type knownJSON struct {
	Schema       string          `json:"schema"`
	LedgerID     string          `json:"ledgerID"`
	NextSeq      uint64          `json:"nextSeq"`
	Run          uint64          `json:"run"`
	LastAppended Time            `json:"lastAppended"`
	LastObserved Time            `json:"lastObserved"`
	Policies     []*PolicyRecord `json:"policies"`
	Members      []*Member       `json:"members"`
	Units        []*Record       `json:"units"`
	Objects      []CreatedObject `json:"objects"`
	Gaps         []knownGap      `json:"gaps"`
	// Evidence is absent where nothing is known: so it was before there were schedules.
	Evidence *EvidenceState `json:"evidence,omitempty"`
}

type knownGap struct {
	ID  string  `json:"id"`
	Gap GapBody `json:"gap"`
}

// MarshalCanonical returns the same bytes for the same fold, on any machine.
func (k *Known) MarshalCanonical() ([]byte, error) { return k.sorted().canonical() }

// sorted returns everything that the fold keeps, in order.
func (k *Known) sorted() *knownJSON {
	j := &knownJSON{
		Schema: knownSchema, LedgerID: k.LedgerID, NextSeq: k.NextSeq, Run: k.Run,
		LastAppended: k.LastAppended, LastObserved: k.LastObserved,
		Policies: sorted(k.policies, func(a, b *PolicyRecord) int { return cmp.Compare(a.Name, b.Name) }),
		Members:  slices.Concat(slices.Collect(maps.Values(k.members))...),
		Units:    sorted(k.units, func(a, b *Record) int { return compareUnits(a.Unit, b.Unit) }),
		Objects:  slices.Concat(slices.Collect(maps.Values(k.objects))...),
		Gaps:     []knownGap{},
	}
	for _, members := range k.subjects {
		j.Members = slices.AppendSeq(j.Members, maps.Values(members))
	}
	slices.SortFunc(j.Members, func(a, b *Member) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control), compareSubjects(a.Subject, b.Subject))
	})
	slices.SortFunc(j.Objects, func(a, b CreatedObject) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	for id, g := range k.gaps {
		j.Gaps = append(j.Gaps, knownGap{id, g})
	}
	if !k.evidence.empty() {
		j.Evidence = k.evidence
	}
	slices.SortFunc(j.Gaps, func(a, b knownGap) int { return cmp.Compare(a.ID, b.ID) })
	return j
}

// canonical returns the canonical form, made element by element: as one value a
// fold of 50,000 units would take hundreds of megabytes on the way.
func (j *knownJSON) canonical() ([]byte, error) {
	var b bytes.Buffer
	type field struct {
		name  string
		write func() error
	}
	// The order of RFC 8785.
	var fields []field
	if j.Evidence != nil {
		fields = append(fields, field{"evidence", func() error { return writeValue(&b, j.Evidence) }})
	}
	fields = append(fields, []field{
		{"gaps", func() error { return writeList(&b, j.Gaps) }},
		{"lastAppended", func() error { return writeValue(&b, j.LastAppended) }},
		{"lastObserved", func() error { return writeValue(&b, j.LastObserved) }},
		{"ledgerID", func() error { return writeValue(&b, j.LedgerID) }},
		{"members", func() error { return writeList(&b, j.Members) }},
		{"nextSeq", func() error { return writeValue(&b, j.NextSeq) }},
		{"objects", func() error { return writeList(&b, j.Objects) }},
		{"policies", func() error { return writeList(&b, j.Policies) }},
		{"run", func() error { return writeValue(&b, j.Run) }},
		{"schema", func() error { return writeValue(&b, j.Schema) }},
		{"units", func() error { return writeList(&b, j.Units) }},
	}...)
	for i, field := range fields {
		b.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(&b, "%q:", field.name)
		if err := field.write(); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// writeList writes a list; one that is nil is null, as encoding/json has it.
func writeList[T any](b *bytes.Buffer, list []T) error {
	if list == nil {
		b.WriteString("null")
		return nil
	}
	b.WriteByte('[')
	for i, value := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeValue(b, value); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func writeValue(b *bytes.Buffer, value any) error {
	data, err := json.Marshal(value)
	if err == nil && len(data) > 0 && (data[0] == '{' || data[0] == '[') {
		data, err = canonical(value)
	}
	b.Write(data)
	return err
}

// UnmarshalKnown reads what MarshalCanonical wrote.
func UnmarshalKnown(data []byte) (*Known, error) {
	var j knownJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return nil, fmt.Errorf("state snapshot: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("state snapshot: something comes after it")
	}
	if j.Schema != knownSchema {
		return nil, fmt.Errorf("state snapshot: schema %q, want %q", j.Schema, knownSchema)
	}
	k := NewKnown()
	k.LedgerID, k.NextSeq, k.Run = j.LedgerID, j.NextSeq, j.Run
	k.LastAppended, k.LastObserved = j.LastAppended, j.LastObserved
	return k, k.fill(j)
}

func (k *Known) fill(j knownJSON) error {
	for _, p := range j.Policies {
		if p == nil || slices.Contains(slices.Collect(maps.Values(p.Controls)), nil) {
			return errNull
		}
		k.policies[p.Name] = p
	}
	for _, m := range j.Members {
		if m == nil {
			return errNull
		}
		if m.Control != "" {
			k.putObject(Unit{m.Policy, m.Control, m.Subject}, m)
			continue
		}
		k.members[ScopeOf(m.Subject)] = append(k.members[ScopeOf(m.Subject)], m)
	}
	for _, r := range j.Units {
		if r == nil {
			return errNull
		}
		k.drop(r.Unit)
		k.put(r)
	}
	for _, o := range j.Objects {
		k.objects[o.Namespace] = append(k.objects[o.Namespace], o)
	}
	for _, g := range j.Gaps {
		k.gaps[g.ID] = g.Gap
	}
	if j.Evidence != nil {
		if slices.Contains(slices.Collect(maps.Values(j.Evidence.Schedules)), nil) ||
			slices.Contains(slices.Collect(maps.Values(j.Evidence.Backups)), nil) {
			return errNull
		}
		k.evidence = j.Evidence
	}
	return nil
}

var errNull = errors.New("state snapshot: null in a list")

func sorted[K comparable, V any](m map[K]V, compare func(a, b V) int) []V {
	values := make([]V, 0, len(m))
	for _, v := range m {
		values = append(values, v)
	}
	slices.SortFunc(values, compare)
	return values
}

func compareUnits(a, b Unit) int {
	return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control), compareSubjects(a.Subject, b.Subject))
}

func compareSubjects(a, b control.Subject) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Group, b.Group),
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
}
