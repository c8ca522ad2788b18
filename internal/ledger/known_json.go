package ledger

import (
	"bufio"
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
func (k *Known) MarshalCanonical() ([]byte, error) {
	var b bytes.Buffer
	err := k.writeCanonical(&b)
	return b.Bytes(), err
}

// writeCanonical writes what MarshalCanonical returns, a little at a time.
func (k *Known) writeCanonical(w io.Writer) error { return k.collect().write(w) }

// collect returns everything that the fold keeps, in no order. It shares with the
// fold what never changes, so that it may be written elsewhere meanwhile.
func (k *Known) collect() *knownJSON {
	j := &knownJSON{
		Schema: knownSchema, LedgerID: k.LedgerID, NextSeq: k.NextSeq, Run: k.Run,
		LastAppended: k.LastAppended, LastObserved: k.LastObserved,
		Policies: values(k.policies),
		Members:  slices.Concat(slices.Collect(maps.Values(k.members))...),
		Units:    values(k.units),
		Objects:  slices.Concat(slices.Collect(maps.Values(k.objects))...),
		Gaps:     []knownGap{},
	}
	for _, members := range k.subjects {
		j.Members = slices.AppendSeq(j.Members, maps.Values(members))
	}
	for id, g := range k.gaps {
		j.Gaps = append(j.Gaps, knownGap{id, g})
	}
	if !k.evidence.empty() {
		j.Evidence = k.evidence
	}
	return j
}

func (j *knownJSON) sort() {
	slices.SortFunc(j.Policies, func(a, b *PolicyRecord) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(j.Units, func(a, b *Record) int { return compareUnits(a.Unit, b.Unit) })
	slices.SortFunc(j.Members, func(a, b *Member) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control), compareSubjects(a.Subject, b.Subject))
	})
	slices.SortFunc(j.Objects, func(a, b CreatedObject) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(j.Gaps, func(a, b knownGap) int { return cmp.Compare(a.ID, b.ID) })
}

// write writes the canonical form.
func (j *knownJSON) write(w io.Writer) error {
	j.sort()
	b := bufio.NewWriterSize(w, writeBuffer)
	if err := j.writeFields(b); err != nil {
		return err
	}
	return b.Flush()
}

const writeBuffer = 64 << 10

// writeFields writes element by element: as one value a fold of 50,000 units would
// take hundreds of megabytes on the way.
func (j *knownJSON) writeFields(b *bufio.Writer) error {
	type field struct {
		name  string
		write func() error
	}
	// The order of RFC 8785.
	var fields []field
	if j.Evidence != nil {
		fields = append(fields, field{"evidence", func() error { return writeValue(b, j.Evidence) }})
	}
	fields = append(fields, []field{
		{"gaps", func() error { return writeList(b, j.Gaps) }},
		{"lastAppended", func() error { return writeText(b, j.LastAppended) }},
		{"lastObserved", func() error { return writeText(b, j.LastObserved) }},
		{"ledgerID", func() error { return writeText(b, j.LedgerID) }},
		{"members", func() error { return writeList(b, j.Members) }},
		{"nextSeq", func() error { return writeText(b, j.NextSeq) }},
		{"objects", func() error { return writeList(b, j.Objects) }},
		{"policies", func() error { return writeList(b, j.Policies) }},
		{"run", func() error { return writeText(b, j.Run) }},
		{"schema", func() error { return writeText(b, j.Schema) }},
		{"units", func() error { return writeList(b, j.Units) }},
	}...)
	for i, field := range fields {
		_, _ = fmt.Fprintf(b, "%c%q:", "{,"[min(i, 1)], field.name)
		if err := field.write(); err != nil {
			return err
		}
	}
	return b.WriteByte('}')
}

// writeList writes a list; one that is nil is null, as encoding/json has it.
func writeList[T any](b *bufio.Writer, list []T) error {
	if list == nil {
		_, err := b.WriteString("null")
		return err
	}
	_ = b.WriteByte('[') // an error stays, and is what the next write returns
	for i, value := range list {
		if i > 0 {
			_ = b.WriteByte(',')
		}
		if err := writeValue(b, value); err != nil {
			return err
		}
	}
	return b.WriteByte(']')
}

// writeValue writes an object.
func writeValue(b *bufio.Writer, value any) error {
	data, err := canonical(value)
	if err != nil {
		return err
	}
	_, err = b.Write(data)
	return err
}

// writeText writes a text or a number, of which there is no second form.
func writeText(b *bufio.Writer, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = b.Write(data)
	return err
}

// UnmarshalKnown reads what MarshalCanonical wrote.
func UnmarshalKnown(data []byte) (*Known, error) { return readKnown(bytes.NewReader(data)) }

// readKnown reads what writeCanonical wrote, element by element.
func readKnown(r io.Reader) (*Known, error) {
	var j knownJSON
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := j.read(dec); err != nil {
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

// read is the inverse of write.
func (j *knownJSON) read(dec *json.Decoder) error {
	if err := expect(dec, json.Delim('{')); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err == nil {
			err = j.readField(dec, name)
		}
		if err != nil {
			return err
		}
	}
	return expect(dec, json.Delim('}'))
}

func (j *knownJSON) readField(dec *json.Decoder, name json.Token) error {
	switch name {
	case "evidence":
		return dec.Decode(&j.Evidence)
	case "gaps":
		return readList(dec, &j.Gaps)
	case "lastAppended":
		return dec.Decode(&j.LastAppended)
	case "lastObserved":
		return dec.Decode(&j.LastObserved)
	case "ledgerID":
		return dec.Decode(&j.LedgerID)
	case "members":
		return readList(dec, &j.Members)
	case "nextSeq":
		return dec.Decode(&j.NextSeq)
	case "objects":
		return readList(dec, &j.Objects)
	case "policies":
		return readList(dec, &j.Policies)
	case "run":
		return dec.Decode(&j.Run)
	case "schema":
		return dec.Decode(&j.Schema)
	case "units":
		return readList(dec, &j.Units)
	default:
		return fmt.Errorf("unknown field %q", name)
	}
}

// readList reads a list; null is none.
func readList[T any](dec *json.Decoder, list *[]T) error {
	begin, err := dec.Token()
	if err != nil || begin == nil {
		return err
	}
	if begin != json.Delim('[') {
		return fmt.Errorf("got %v, want a list", begin)
	}
	for dec.More() {
		var value T
		if err := dec.Decode(&value); err != nil {
			return err
		}
		*list = append(*list, value)
	}
	return expect(dec, json.Delim(']'))
}

// expect takes a token that must come next.
func expect(dec *json.Decoder, want json.Token) error {
	got, err := dec.Token()
	if err == nil && got != want {
		err = fmt.Errorf("got %v, want %v", got, want)
	}
	return err
}

func (k *Known) fill(j knownJSON) error {
	for _, p := range j.Policies {
		if p == nil || slices.Contains(slices.Collect(maps.Values(p.Controls)), nil) {
			return errNull
		}
		k.policies[p.Name] = p
	}
	once := texts{}
	for _, m := range j.Members {
		if m == nil {
			return errNull
		}
		once.unit(&m.Policy, &m.Control, &m.Subject)
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
		once.unit(&r.Unit.Policy, &r.Unit.Control, &r.Unit.Subject)
		once.state(r)
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

// texts has one copy of each text that many records have: as they are read, each has
// its own.
type texts map[string]string

func (t texts) unit(policy, controlID *string, s *control.Subject) {
	for _, text := range []*string{policy, controlID, &s.Group, &s.Kind, &s.Namespace, &s.Name, &s.UID} {
		*text = t.one(*text)
	}
}

func (t texts) state(r *Record) {
	r.Definition = t.one(r.Definition)
	r.State.Outcome = control.Outcome(t.one(string(r.State.Outcome)))
	r.State.Basis = control.Basis(t.one(string(r.State.Basis)))
	for i := range r.State.Rules {
		rule := &r.State.Rules[i]
		rule.Rule, rule.Reason = t.one(rule.Rule), t.one(rule.Reason)
	}
}

func (t texts) one(s string) string {
	if known, met := t[s]; met {
		return known
	}
	t[s] = s
	return s
}

var errNull = errors.New("state snapshot: null in a list")

// values are the values of a map, in no order; an empty list where there are none.
func values[K comparable, V any](m map[K]V) []V {
	return slices.AppendSeq(make([]V, 0, len(m)), maps.Values(m))
}

func compareUnits(a, b Unit) int {
	return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control), compareSubjects(a.Subject, b.Subject))
}

func compareSubjects(a, b control.Subject) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Group, b.Group),
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
}
