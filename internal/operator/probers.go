package operator

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/holdfast-dev/holdfast/controllers"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/phrase"
	"github.com/holdfast-dev/holdfast/internal/probe"
	"github.com/holdfast-dev/holdfast/internal/restoretest"
)

// maxNote is how long the API server lets the note of an event be, in bytes.
const maxNote = 1024

// probers are what probes beside the loop, as one: the probes, which take seconds, and
// the tests of restores, which take up to hours.
type probers struct {
	runner *probe.Runner
	tester *restoretest.Tester
}

var _ controllers.Prober = (*probers)(nil)

// newProbers returns what probes beside the loop. It is part of the engine, which is
// not made yet.
func newProbers(ctx context.Context, mgr ctrl.Manager, opts Options, facts *Facts, recorder *ledger.Recorder, engine **controllers.Engine) (*probers, error) {
	record := func(run probe.Run) { (*engine).Probed(ctx, run) }
	requeue := func(scope string) { (*engine).Requeue(scope) }
	runner, err := probe.New(probe.Options{
		Config: mgr.GetConfig(), Now: time.Now, Log: opts.Log.WithName("probe"),
		Record: record, OnSeen: requeue,
		FirstSeen:    func(id string) (time.Time, bool) { return (*engine).KeyFirstSeen(id) },
		Namespaces:   func(policy string) []string { return (*engine).NamespacesOf(policy) },
		OwnNamespace: opts.Namespace,
		Prober:       probe.Prober{Namespace: opts.Namespace, ServiceAccount: permissions.ProberName},
	})
	if err != nil {
		return nil, err
	}
	events := mgr.GetEventRecorder("holdfast")
	tester, err := restoretest.New(restoretest.Options{
		Config: mgr.GetConfig(), ClusterUID: facts.cluster.KubeSystemUID, Now: time.Now, Log: opts.Log.WithName("restoretest"),
		Ready:  recorder.Opened(),
		Recall: func(scope string) ([]control.Observation, bool) { return (*engine).Recall(scope) },
		Record: record, OnSeen: requeue,
		Alarm: func(namespace, reason, note string) {
			about := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
			about.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
			events.Eventf(about, nil, corev1.EventTypeWarning, reason, "RestoreTest", "%s", phrase.Clip(note, maxNote))
		},
	})
	return &probers{runner, tester}, err
}

// Want implements controllers.Prober: each states what is wanted of it.
func (p *probers) Want(scope string, wanted []probe.Wanted) ([]control.Observation, bool) {
	probed, awaited := p.runner.Want(scope, wanted)
	tested, also := p.tester.Want(scope, wanted)
	return together(probed, tested), awaited || also
}

// Observations returns what Want returned last, with what was seen since.
func (p *probers) Observations(scope string) ([]control.Observation, bool) {
	probed, awaited := p.runner.Observations(scope)
	tested, also := p.tester.Observations(scope)
	return together(probed, tested), awaited || also
}

// Forget implements controllers.Prober.
func (p *probers) Forget(scope string) {
	p.runner.Forget(scope)
	p.tester.Forget(scope)
}

// Count says how many targets there are, by kind and by how they stand.
func (p *probers) Count() map[string]map[string]int {
	counts := p.runner.Count()
	if tests := p.tester.Count(); len(tests) > 0 {
		counts = maps.Clone(counts)
		counts[control.ProbeRestore] = tests
	}
	return counts
}

// together are observations of both, by target.
func together(probed, tested []control.Observation) []control.Observation {
	if len(tested) == 0 {
		return probed
	}
	all := slices.Concat(probed, tested)
	slices.SortFunc(all, func(a, b control.Observation) int { return strings.Compare(a.Key(), b.Key()) })
	return all
}
