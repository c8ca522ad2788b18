package report_test

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// happening is one thing that happens, some ticks after the one before.
type happening struct{ After, What, Who, Which, How int }

func happenings() *rapid.Generator[[]happening] {
	small := rapid.IntRange(0, 7)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) happening {
		return happening{After: rapid.IntRange(0, 3).Draw(t, "after"), What: rapid.IntRange(0, 41).Draw(t, "what"),
			Who: small.Draw(t, "who"), Which: rapid.IntRange(0, 1).Draw(t, "which"), How: small.Draw(t, "how")}
	}), 10, 140)
}

func (w *world) happen(h happening) {
	w.pass(h.After)
	id := []string{"A", "B"}[h.Which]
	var b *being
	if len(w.alive) > 0 {
		b = w.alive[h.Who%len(w.alive)]
	}
	if b != nil && b.scope != nil {
		id = "C"
	}
	switch {
	case h.What > 31:
		w.happenToObject(h)
	case h.What < 3 || b == nil:
		w.come(h.Who, h.How%2 == 0)
	case h.What < 14:
		w.becomeAny(b, id, h)
	case h.What < 18:
		w.beat()
		w.note()
		for len(w.beats) <= w.tick {
			w.beats = append(w.beats, false)
		}
		w.beats[w.tick] = true
	case h.What == 18:
		w.depart(b, h.How%2 == 0)
	case h.What == 19:
		w.lose([]string{"", "networkpolicies"}[h.Which], h.How/2)
	case h.What < 22:
		w.regain()
	case h.What == 22:
		w.down(h.How, h.Which == 0, h.Who)
	case h.What == 23:
		w.lost(h.How)
	case h.What == 24:
		w.succeed(h.How)
	case h.What < 27:
		w.edit(h)
	case h.What < 29:
		w.intro(id)
	default:
		w.touchObject(b, id, h)
	}
}

func (w *world) becomeAny(b *being, id string, h happening) {
	to := []control.Outcome{control.Conforming, control.Deviating, control.Conforming, control.Deviating, control.NotEvaluated,
		control.NotApplicable, control.Deviating, control.Conforming}[h.How]
	ending := []ledger.Ending{ledger.EndingCorrected, ledger.EndingRepaired, ledger.EndingUnknownInGap}[h.Who%3]
	w.become(b, id, to, []string{"NP-01", "NP-07"}[h.Who%2], h.What%5-1, ending)
}

// edit puts another spec in force.
func (w *world) edit(h happening) {
	w.quiet()
	tolerance := []*v1alpha1.Tolerance{nil, within(2 * w.length), within(5 * w.length), within(40 * w.length)}[h.How%4]
	ids := [][]string{{"A", "B"}, {"A", "B", "C"}, {"A"}, {"B", "C"}, {"A", "B", "C"}, {"A", "B", "C"}, {"A", "C"}, {"A", "B", "C"}}[h.Who]
	before := w.statedNow()
	w.put(tolerance, ids...)
	for _, id := range before {
		if !slices.Contains(ids, id) {
			w.forget(id)
			for _, b := range w.all {
				w.end(b, id, ledger.EndingControlWithdrawn)
				if id == "C" && b.scope != nil && b.inside {
					w.goes(b, "")
				}
			}
		}
	}
}

func (w *world) intro(id string) {
	if !slices.Contains(w.statedNow(), id) {
		return
	}
	w.scribe.introduce(worldPolicy, id)
	w.forget(id)
	w.note()
	if w.introduce[id] < 0 {
		w.introduce[id], w.introducedIn[id] = w.tick, len(w.chain)
	}
}

// touchObject repairs, fails to, or gives up for a while.
func (w *world) touchObject(b *being, id string, h happening) {
	if !b.there() || !b.under(id) || !slices.Contains(w.statedNow(), id) {
		return
	}
	kind := []ledger.Kind{ledger.KindRepaired, ledger.KindRepaired, ledger.KindRepairFailed, ledger.KindContested}[h.How%4]
	w.act(kind, worldPolicy, id, b.subject, "")
	w.note()
	w.see(b)
	c := w.cell(b, id)
	w.order++
	c.acts = append(c.acts, touch{w.tick, w.run, w.order, kind})
	if kind == ledger.KindContested {
		key := b.subject.UID + "/" + id
		if w.fought[key] == nil {
			w.fought[key] = map[int]bool{}
		}
		w.fought[key][w.tick] = true
	}
}

// happenToObject has something happen to what C judges, or to the cluster.
func (w *world) happenToObject(h happening) {
	var judged []*being
	for _, b := range w.alive {
		if b.scope != nil {
			judged = append(judged, b)
		}
	}
	switch {
	case h.What < 34:
		w.comeObject(h)
	case h.What == 34:
		w.toggleCluster(h)
	case h.What == 35 && len(judged) > 0:
		w.depart(judged[h.Who%len(judged)], h.How%2 == 0)
	case h.What == 36:
		w.judgeScope(h)
	case len(judged) > 0:
		w.becomeAny(judged[h.Who%len(judged)], "C", h)
	}
}

// scopes are those in the policy's scope.
func (w *world) scopes() []*being {
	return slices.DeleteFunc(slices.Clone(w.alive), func(b *being) bool { return b.scope != nil || !b.inside })
}

// comeObject has an object of a scope come under C.
func (w *world) comeObject(h happening) {
	scopes := w.scopes()
	if len(scopes) == 0 || !slices.Contains(w.statedNow(), "C") {
		return
	}
	scope := scopes[h.Who%len(scopes)]
	subject := control.Subject{Kind: "StorageClass", Name: fmt.Sprintf("class-%d", h.How/3), UID: fmt.Sprintf("uid-class-%d", h.How/2)}
	if scope.subject.Kind == "Namespace" {
		subject = control.Subject{Group: "networking.k8s.io", Kind: "Ingress", Namespace: scope.subject.Name, Name: fmt.Sprintf("web-%d", h.How/3),
			UID: fmt.Sprintf("%s-web-%d", scope.subject.UID, h.How/2)}
	}
	for _, b := range w.all { // a UID is of one object, and that is never renamed
		if b.subject.UID == subject.UID && (b.inside || b.subject != subject) || w.dead[subject.UID] {
			return
		}
	}
	w.quiet()
	b := w.being(subject, scope)
	w.enterControl(worldPolicy, "C", subject, h.Which == 0)
	w.comes(b, []string{"added", "entered"}[h.Which])
}

// toggleCluster takes the cluster into scope, or out of it.
func (w *world) toggleCluster(h happening) {
	cluster := control.Subject{Kind: control.ClusterKind, Name: "cluster", UID: "uid-cluster"}
	for _, b := range w.alive {
		if b.scope == nil && b.subject == cluster && b.inside {
			w.depart(b, false)
			return
		}
	}
	w.quiet()
	b := w.being(cluster, nil)
	w.enter(worldPolicy, cluster, h.How == 0)
	w.comes(b, map[bool]string{true: "added", false: "entered"}[h.How == 0])
}

// judgeScope has C find something to judge in a scope itself: it is its subject from
// then on.
func (w *world) judgeScope(h happening) {
	scopes := w.scopes()
	if len(scopes) == 0 || !slices.Contains(w.statedNow(), "C") {
		return
	}
	scope := scopes[h.Who%len(scopes)]
	first := !slices.ContainsFunc(w.all, func(b *being) bool { return b.scope != nil && b.subject == scope.subject })
	b := w.being(scope.subject, scope)
	if !b.inside {
		how := "entered"
		if first && scope.came[scope.since] == "added" {
			how = "added"
		}
		w.quiet()
		w.becomes(b, how)
		return
	}
	w.becomeAny(b, "C", h)
}

// becomes states the first state of a scope that C judges, which brings it in.
func (w *world) becomes(b *being, how string) {
	w.comes(b, how)
	w.become(b, "C", control.Deviating, "NP-01", -1, "")
}
