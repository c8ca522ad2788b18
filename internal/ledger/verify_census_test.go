package ledger

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// withObjects adds a control to a manifest that judges Ingresses: one in namespace
// a, and one each in c, which is excluded, and d, which is not selected.
func withObjects(m *Manifest, chunks []*ManifestChunk) *ManifestControl {
	shop := ingress("a", "shop")
	chunks[0].Scopes[0].Units = append(chunks[0].Scopes[0].Units, ManifestUnit{Policy: "p", Control: "o", Subject: &shop, State: conforming})
	for i, name := range []string{"c", "d"} {
		chunks[1].Scopes[i].Outside = []ManifestOutside{{Policy: "p", Control: "o", Subjects: []control.Subject{ingress(name, "old")}}}
	}
	of := m.Policies[0].Controls[0]
	of.ID, of.Unit = "o", "Ingress"
	of.Census = Census{Total: 3, Conforming: 1, Excluded: 1, NotSelected: 1}
	of.Kinds, of.Population = []KindCensus{{"Ingress", of.Census}}, PopulationDigest([]string{UnitID(shop)})
	m.Policies[0].Controls = append(m.Policies[0].Controls, of)
	return &m.Policies[0].Controls[1]
}

// TestE2CensusesOfObjectsAreDerivedAgain: kind by kind, in scope or not, and
// whatever does not add up, or is not what the entries imply, is named.
func TestE2CensusesOfObjectsAreDerivedAgain(t *testing.T) {
	t.Parallel()
	shop := ingress("a", "shop")
	judged := []Draft{objectDraft(KindSubjectAdded, "p", "o", shop), stateDraft("p", "o", "d", shop, conforming)}
	cases := map[string]struct {
		before, meanwhile []Draft
		edit              func(o *ManifestControl, chunks []*ManifestChunk)
		want              string
	}{
		"right":                    {before: judged},
		"judged while it was made": {meanwhile: judged},
		"gone while it was made":   {before: judged, meanwhile: []Draft{objectDraft(KindSubjectDeleted, "p", "o", shop)}},
		"left out after it came": {meanwhile: judged, edit: func(o *ManifestControl, chunks []*ManifestChunk) {
			withoutShop(o, chunks)
		}},
		"left out": {before: judged, edit: withoutShop, want: "p/o on Ingress a/shop: the entries have it, the manifest does not"},
		"left out while another came": {before: judged, meanwhile: []Draft{objectDraft(KindSubjectAdded, "p", "o", ingress("a", "api"))}, edit: withoutShop,
			want: "p/o on Ingress a/shop: the entries have it, the manifest does not"},
		"made up": {want: "p/o on Ingress a/shop: the manifest has it as Conforming, the entries do not have it"},
		"another state": {before: append(judged[:1:1], stateDraft("p", "o", "d", shop, deviating)),
			want: "p/o on Ingress a/shop: the manifest has it as Conforming, the entries as Deviating"},
		"an excluded one left out": {before: judged, want: "the census of p/o of kind Ingress says",
			edit: func(_ *ManifestControl, chunks []*ManifestChunk) { chunks[1].Scopes[0].Outside = nil }},
		"a kind left out": {before: judged, want: "the census of p/o does not count the kind Ingress, of which there are 3",
			edit: func(o *ManifestControl, _ []*ManifestChunk) { o.Kinds = nil }},
		"a kind twice": {before: judged, want: "the census of p/o counts Ingress after Ingress",
			edit: func(o *ManifestControl, _ []*ManifestChunk) { o.Kinds = append(o.Kinds, o.Kinds[0]) }},
		"parts that are not the whole": {before: judged, want: "the census of p/o says",
			edit: func(o *ManifestControl, _ []*ManifestChunk) { o.Census.Total, o.Census.NotSelected = 4, 2 }},
		"outside what is in scope": {before: judged, want: `scope "b" has subjects of p/o outside the policy's scope, and does not stand outside`,
			edit: func(_ *ManifestControl, chunks []*ManifestChunk) {
				chunks[0].Scopes[1].Outside = []ManifestOutside{{Policy: "p", Control: "o", Subjects: []control.Subject{ingress("b", "old")}}}
			}},
		"in another scope": {before: judged, want: `Ingress a/old stands in scope "d"`,
			edit: func(_ *ManifestControl, chunks []*ManifestChunk) {
				chunks[1].Scopes[1].Outside[0].Subjects[0] = ingress("a", "old")
			}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, r := newCensus(t)
			c.say(tc.before...)
			c.edit = func(m *Manifest, chunks []*ManifestChunk, _ *CollectionBody) {
				o := withObjects(m, chunks)
				if tc.edit != nil {
					tc.edit(o, chunks)
				}
			}
			c.collect(both(conforming, conforming), tc.meanwhile...)
			wantProblem(t, c.verify(r, VerifyOptions{}), tc.want)
		})
	}
}

// withoutShop leaves the Ingress of namespace a out of a manifest, in every figure.
func withoutShop(o *ManifestControl, chunks []*ManifestChunk) {
	units := chunks[0].Scopes[0].Units
	chunks[0].Scopes[0].Units = units[:len(units)-1]
	o.Population, o.Census.Conforming, o.Census.Total = PopulationDigest(nil), 0, 2
	o.Kinds[0].Census = o.Census
}

// TestTheClusterIsAScopeOfItsOwn: it comes before all namespaces, and is none.
func TestTheClusterIsAScopeOfItsOwn(t *testing.T) {
	t.Parallel()
	itself := control.ClusterNamespace("uid-kube-system", epoch).Subject()
	with := func(at int) func(*Manifest, []*ManifestChunk, *CollectionBody) {
		return func(_ *Manifest, chunks []*ManifestChunk, _ *CollectionBody) {
			scope := ManifestScope{Subject: itself, Standings: []ManifestStanding{{Policy: "p", Disposition: "NotSelected"}}}
			chunks[0].Scopes = append(chunks[0].Scopes[:at:at], append([]ManifestScope{scope}, chunks[0].Scopes[at:]...)...)
		}
	}
	for name, tc := range map[string]struct {
		at   int
		want string
	}{"first": {0, ""}, "after a namespace": {1, `scope "" comes after "a"`}} {
		t.Run(name, func(t *testing.T) {
			c, r := newCensus(t)
			c.edit = with(tc.at)
			c.collect(both(conforming, conforming))
			wantProblem(t, c.verify(r, VerifyOptions{}), tc.want)
		})
	}
}
