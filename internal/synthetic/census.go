package synthetic

import (
	"crypto/sha256"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// census makes manifests. What did not change since the one before is taken
// from there.
type census struct {
	// members counts changes of who is in scope of what.
	members int
	// chunks are those of the newest manifest, by their first namespace. A chunk of
	// an older one may say of a namespace what has changed since, while that stood
	// in another chunk.
	chunks map[string]*chunk
	// populations are the population digests of the policies, at members.
	populations map[string]string
	counted     int
	// units is the number of units in the newest manifest.
	units int
	// raised is whether somebody was given the right to everything.
	raised bool
	access string
}

// chunk is one chunk of a manifest.
type chunk struct {
	ref    ledger.ManifestChunkRef
	names  string
	counts map[controlKey]ledger.Census
	ids    map[controlKey][]string // of Ingresses in scope
	units  int
	blind  bool
}

type controlKey struct{ policy, control string }

// cut reports whether a chunk ends with a namespace: with one in 64.
func cut(name string) bool { return sha256.Sum256([]byte(name))[0]%64 == 0 }

// maxChunk is the largest number of namespaces of a chunk.
const maxChunk = 256

// manifest makes a manifest's objects durable, and returns its digest.
func (c *census) manifest(s *simulation, slot, at time.Time, seq uint64) (string, error) {
	blind := s.op.cutOff == ledger.CauseForbidden
	m := ledger.Manifest{
		Schema: ledger.ManifestSchema, Schedule: s.schedule.ref, Slot: ledger.At(slot), Seq: seq, Lists: s.lists(at, blind),
		Gaps: s.op.known().OpenGaps(), RetentionSeconds: s.op.known().Evidence().RetentionSeconds, Access: c.access,
	}
	counts, chunks := map[controlKey]ledger.Census{}, map[string]*chunk{}
	ids := map[controlKey][]string{}
	objects, err := c.itself(s, &m)
	if err != nil {
		return "", err
	}
	c.units = 0
	for rest := s.namespaces; len(rest) > 0; {
		n := 1
		for n < min(len(rest), maxChunk) && !cut(rest[n-1].Name) {
			n++
		}
		part, made, err := c.chunk(s, rest[:n], blind)
		if err != nil {
			return "", err
		}
		objects = append(objects, made...)
		m.Chunks = append(m.Chunks, part.ref)
		chunks[part.ref.First] = part
		c.units += part.units
		for key, of := range part.counts {
			counts[key] = plus(counts[key], of)
		}
		for key, of := range part.ids {
			ids[key] = append(ids[key], of...)
		}
		rest = rest[n:]
	}
	c.chunks = chunks
	m.Policies = c.policies(s, counts, ids)
	// A control that nothing is in scope of has its input from nowhere else.
	for _, p := range s.policies {
		for i := range p.def.Controls {
			objects = append(objects, p.def.Controls[i].Object)
		}
	}
	object, err := ledger.NewObject(m)
	if err != nil {
		return "", err
	}
	return object.Digest, s.op.w.PutObjects(append(objects, object))
}

// policies say of each policy which generation units were judged by, and count them.
func (c *census) policies(s *simulation, counts map[controlKey]ledger.Census, ids map[controlKey][]string) []ledger.ManifestPolicy {
	var list []ledger.ManifestPolicy
	for _, p := range s.policies {
		record, ok := s.op.known().Policy(p.def.Name)
		if !ok {
			continue
		}
		m := ledger.ManifestPolicy{Name: p.def.Name, UID: p.def.UID, Generation: p.def.Generation, Spec: p.def.SpecObject.Digest, Since: record.Since}
		for i := range p.def.Controls {
			control := &p.def.Controls[i]
			of := ledger.ManifestControl{ID: control.Spec.ID, Type: control.Type, Definition: control.Digest, Input: control.Object.Digest,
				EvaluatorVersion: control.Kind.EvaluatorVersion(), Unit: "Namespace", Population: c.population(s, p.def),
				Census: counts[controlKey{p.def.Name, control.Spec.ID}]}
			if !control.JudgesNamespaces() {
				of.Unit, of.Population = "Ingress", ledger.PopulationDigest(ids[controlKey{p.def.Name, control.Spec.ID}])
				of.Kinds = []ledger.KindCensus{{Kind: of.Unit, Census: of.Census}}
			}
			if known := record.Controls[control.Spec.ID]; known != nil {
				of.IntroducedAt, of.OperatingFrom = &known.IntroducedAt, &known.OperatingFrom
			}
			m.Controls = append(m.Controls, of)
		}
		list = append(list, m)
	}
	return list
}

// population is the population digest of a policy's controls.
func (c *census) population(s *simulation, def *assess.Definition) string {
	if c.counted != c.members || c.populations == nil {
		c.counted, c.populations = c.members, map[string]string{}
	}
	if known, ok := c.populations[def.Name]; ok {
		return known
	}
	var ids []string
	for _, n := range s.namespaces {
		if inScope(def, n) {
			ids = append(ids, ledger.UnitID(n.Subject()))
		}
	}
	c.populations[def.Name] = ledger.PopulationDigest(ids)
	return c.populations[def.Name]
}

// chunk makes the chunk of some namespaces, and the objects that it takes.
func (c *census) chunk(s *simulation, of []*namespace, blind bool) (*chunk, []ledger.Object, error) {
	names, dirty := "", false
	for _, n := range of {
		names += n.Name + "\n"
		dirty = dirty || n.dirty
	}
	if last := c.chunks[of[0].Name]; last != nil && last.names == names && !dirty && last.blind == blind {
		return last, nil, nil
	}
	next := &chunk{names: names, blind: blind, counts: map[controlKey]ledger.Census{}, ids: map[controlKey][]string{}}
	body := ledger.ManifestChunk{Schema: ledger.ChunkSchema}
	var objects []ledger.Object
	for _, n := range of {
		scope, parts, err := c.scope(s, n, next)
		if err != nil {
			return nil, nil, err
		}
		body.Scopes = append(body.Scopes, *scope)
		for _, part := range parts {
			objects = append(objects, part.Object)
		}
		n.dirty = false
	}
	object, err := ledger.NewObject(body)
	if err != nil {
		return nil, nil, err
	}
	next.ref = ledger.ManifestChunkRef{Digest: object.Digest, First: of[0].Name, Last: of[len(of)-1].Name, Scopes: len(of)}
	return next, append(objects, object), nil
}

// scope is one namespace's part of a manifest.
func (c *census) scope(s *simulation, n *namespace, in *chunk) (*ledger.ManifestScope, []assess.Part, error) {
	parts, err := s.judge.partsOf(n, in.blind)
	if err != nil {
		return nil, nil, err
	}
	scope := &ledger.ManifestScope{Subject: n.Subject()}
	judged := false
	for _, p := range s.policies {
		standing := c.standing(s, n, p.def)
		scope.Standings = append(scope.Standings, standing)
		if standing.Disposition != string(assess.InScope) {
			if ofObjects(p.def) {
				scope.Outside = append(scope.Outside, s.outside(n, p, standing.Disposition, in)...)
			} else {
				in.leaveOut(p.def, standing.Disposition)
			}
			continue
		}
		judged = judged || !ofObjects(p.def) || len(n.ingresses) > 0
		verdicts, err := s.judge.judge(p.def, n, in.blind)
		if err != nil {
			return nil, nil, err
		}
		for _, v := range verdicts {
			scope.Units = append(scope.Units, s.unit(n, p, v))
			in.count(p.def, v)
			if v.subject.Kind != "" {
				key := controlKey{p.def.Name, v.control.Spec.ID}
				in.ids[key] = append(in.ids[key], ledger.UnitID(v.subject))
			}
		}
	}
	if !judged {
		parts = parts[:1] // which namespace it is decides that
	}
	scope.Inputs = inputsOf(parts)
	return scope, parts, nil
}

// standing says how a namespace stands to a policy.
func (c *census) standing(s *simulation, n *namespace, def *assess.Definition) ledger.ManifestStanding {
	standing := ledger.ManifestStanding{Policy: def.Name, Disposition: string(def.Dispose(n.Namespace))}
	switch standing.Disposition {
	case string(assess.Excluded):
		standing.Exclusion = def.Exclusion(n.Name)
	case string(assess.InScope):
		if m, ok := s.op.known().Member(def.Name, n.Subject()); ok {
			entry, since := m.Entry, m.Since
			standing.Entered, standing.Since, standing.New = &entry, &since, m.Entered == ledger.KindSubjectAdded
		}
	}
	return standing
}

// unit is one unit of a manifest: what was read, and what the ledger has of it.
func (s *simulation) unit(n *namespace, p *policy, v verdict) ledger.ManifestUnit {
	u := ledger.ManifestUnit{Policy: p.def.Name, Control: v.control.Spec.ID, State: v.state}
	key := ledger.Unit{Policy: u.Policy, Control: u.Control, Subject: v.subjectIn(n)}
	if v.subject.Kind != "" {
		u.Subject = &v.subject
	}
	if m, ok := s.op.known().ObjectMember(key); ok {
		entry, since := m.Entry, m.Since
		u.Entered, u.EnteredAt, u.New = &entry, &since, m.Entered == ledger.KindSubjectAdded
	}
	if r, ok := s.op.known().Unit(key); ok {
		since := r.Since
		u.Entry, u.Since, u.Episode, u.Origin = r.ID, &since, r.Episode, r.Origin
	}
	return u
}

// outside are the Ingresses of a namespace that is not in a policy's scope.
func (s *simulation) outside(n *namespace, p *policy, disposition string, in *chunk) []ledger.ManifestOutside {
	var of []ledger.ManifestOutside
	for _, v := range s.judge.judgeObjects(p.def, n) {
		if len(of) == 0 {
			of = []ledger.ManifestOutside{{Policy: p.def.Name, Control: v.control.Spec.ID}}
		}
		of[0].Subjects = append(of[0].Subjects, v.subject)
		in.leaveOut(p.def, disposition)
	}
	return of
}

// itself adds the chunk of the cluster as a scope, where a policy looks for objects.
func (c *census) itself(s *simulation, m *ledger.Manifest) ([]ledger.Object, error) {
	if s.opts.Ingresses == 0 {
		return nil, nil
	}
	i, _ := slices.BinarySearchFunc(s.namespaces, metav1.NamespaceSystem, byName)
	of := control.ClusterNamespace(s.namespaces[i].UID, s.namespaces[i].CreatedAt)
	part, err := assess.NamespacePart(of)
	if err != nil {
		return nil, err
	}
	scope := ledger.ManifestScope{Subject: of.Subject(), Inputs: inputsOf([]assess.Part{part})}
	for _, p := range s.policies {
		scope.Standings = append(scope.Standings, ledger.ManifestStanding{Policy: p.def.Name, Disposition: string(p.def.Dispose(of))})
	}
	object, err := ledger.NewObject(ledger.ManifestChunk{Schema: ledger.ChunkSchema, Scopes: []ledger.ManifestScope{scope}})
	if err != nil {
		return nil, err
	}
	m.Chunks = append(m.Chunks, ledger.ManifestChunkRef{Digest: object.Digest, Scopes: 1})
	return []ledger.Object{part.Object, object}, nil
}

func (c *chunk) leaveOut(def *assess.Definition, disposition string) {
	for i := range def.Controls {
		key := controlKey{def.Name, def.Controls[i].Spec.ID}
		of := c.counts[key]
		of.Total++
		if disposition == string(assess.Excluded) {
			of.Excluded++
		} else {
			of.NotSelected++
		}
		c.counts[key] = of
	}
}

func (c *chunk) count(def *assess.Definition, v verdict) {
	key := controlKey{def.Name, v.control.Spec.ID}
	of := c.counts[key]
	of.Total++
	switch v.state.Outcome {
	case control.Conforming:
		of.Conforming++
	case control.Deviating:
		of.Deviating++
	case control.NotApplicable:
		of.NotApplicable++
	case control.NotEvaluated:
		of.NotEvaluated++
	}
	c.counts[key] = of
	c.units++
}

func plus(a, b ledger.Census) ledger.Census {
	return ledger.Census{
		Total: a.Total + b.Total, Conforming: a.Conforming + b.Conforming, Deviating: a.Deviating + b.Deviating,
		NotApplicable: a.NotApplicable + b.NotApplicable, NotEvaluated: a.NotEvaluated + b.NotEvaluated,
		Excluded: a.Excluded + b.Excluded, NotSelected: a.NotSelected + b.NotSelected,
	}
}

// lists say how each kind was read.
func (s *simulation) lists(at time.Time, blind bool) []ledger.ManifestList {
	read := func(group, resource string, count int) ledger.ManifestList {
		query := "/api/v1/" + resource
		if group != "" {
			query = "/apis/" + group + "/v1/" + resource
		}
		return ledger.ManifestList{Group: group, Version: "v1", Resource: resource, Query: query, ResourceVersion: s.newest(),
			Pages: 1 + count/500, Count: count, From: ledger.At(at), To: ledger.At(at.Add(time.Duration(count) * 30 * time.Microsecond))}
	}
	policies := read("networking.k8s.io", "networkpolicies", s.applied())
	if blind {
		policies = ledger.ManifestList{Group: policies.Group, Version: policies.Version, Resource: policies.Resource,
			Query: policies.Query, From: policies.From, To: policies.From, Failed: ledger.CauseForbidden}
	}
	return []ledger.ManifestList{
		read("", "namespaces", len(s.namespaces)), policies, read("", "pods", 3*len(s.namespaces)), read("", "services", len(s.namespaces)),
	}
}

// applied is the number of NetworkPolicies in the cluster.
func (s *simulation) applied() int {
	count := 0
	for _, n := range s.namespaces {
		count += len(n.objects)
	}
	return count
}
