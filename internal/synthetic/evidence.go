package synthetic

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// schedule is the EvidenceSchedule.
type schedule struct {
	ref    ledger.ScheduleRef
	object ledger.Object
	// missed are the slots that passed while no process ran.
	missed []time.Time
}

// scheduleName is its name.
const scheduleName = "soc2"

// startingDeadline is how long after its slot a collection is on time.
const startingDeadline = 10 * time.Minute

// declareSchedule records the schedule.
func (s *simulation) declareSchedule(at time.Time) error {
	cron := fmt.Sprintf("0 */%d * * *", int(s.opts.Collections/time.Hour))
	switch s.opts.Collections {
	case time.Hour:
		cron = "0 * * * *"
	case day:
		cron = "0 0 * * *"
	}
	floor := s.opts.Duration + 184*day
	spec := v1alpha1.EvidenceScheduleSpec{
		Schedule: cron, TimeZone: "Etc/UTC", StartingDeadline: &metav1.Duration{Duration: startingDeadline},
		Period:    v1alpha1.EvidencePeriod{Start: &metav1.Time{Time: s.opts.Start}, End: &metav1.Time{Time: s.end}},
		Retention: &metav1.Duration{Duration: floor},
	}
	if s.witness != nil {
		spec.Anchors = []v1alpha1.EvidenceAnchor{{Name: witnessAnchor, Witness: &v1alpha1.WitnessAnchor{
			URL: "https://" + witnessName, VerifierKey: s.witness.verifierKey()}}}
	}
	object, err := ledger.NewObject(spec)
	if err != nil {
		return err
	}
	if s.schedule.ref.UID == "" {
		s.schedule.ref = ledger.ScheduleRef{Name: scheduleName, UID: s.cluster.dice.uid(), Generation: 1, Definition: object.Digest}
	}
	s.schedule.object = object
	first := ledger.At(s.next24(at))
	return s.write(ledger.Draft{At: at, Entry: ledger.Entry{
		Kind: ledger.KindScheduleChanged, Schedule: &s.schedule.ref, Retention: &ledger.RetentionBody{FloorSeconds: int64(floor / time.Second)},
		Change: &ledger.ChangeBody{Type: ledger.ChangeCreated, To: object.Digest, Manager: "argocd-controller", ChangeRef: "CHG-1040", NextSlot: &first},
	}, Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object}, nil }})
}

// next24 is the first slot after a time.
func (s *simulation) next24(at time.Time) time.Time {
	return at.Truncate(s.opts.Collections).Add(s.opts.Collections)
}

// selfTest records that the evaluators judged their fixtures as expected.
func (s *simulation) selfTest(at time.Time) error {
	if !s.op.up {
		return nil
	}
	for _, typ := range controls.All() {
		body := &ledger.SelfTestBody{Type: typ.Name, EvaluatorVersion: typ.Control.EvaluatorVersion(),
			Fixtures: 31, Digest: ledger.Digest([]byte(typ.Name))}
		if err := s.write(ledger.Draft{At: at, Entry: ledger.Entry{Kind: ledger.KindSelfTested, SelfTest: body}}); err != nil {
			return err
		}
	}
	return nil
}

// accessChanges has somebody be given the right to everything.
func (s *simulation) accessChanges() error {
	s.census.admins = append(s.census.admins, "Group:sre-on-call")
	return nil
}

// observeAccess drafts who can act, where that is not who could before.
func (s *simulation) observeAccess(at time.Time) ([]ledger.Draft, error) {
	object, err := ledger.NewObject(accessOf(s.census.admins))
	if err != nil || s.op.known().Evidence().Access == object.Digest {
		return nil, err
	}
	s.census.access = object.Digest
	return []ledger.Draft{{At: at, Entry: ledger.Entry{Kind: ledger.KindAccessObserved, Access: &ledger.AccessBody{Access: object.Digest}},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object}, nil }}}, nil
}

// parts returns the digests of parts as inputs.
func inputsOf(parts []assess.Part) []ledger.Input {
	inputs := make([]ledger.Input, 0, len(parts))
	for _, part := range parts {
		inputs = append(inputs, ledger.Input{Role: part.Role, Digest: part.Digest})
	}
	return inputs
}

// accessOf says who holds what.
func accessOf(admins []string) map[string]any {
	return map[string]any{"admins": slices.Clone(admins)}
}
