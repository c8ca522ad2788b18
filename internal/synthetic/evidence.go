package synthetic

import (
	"fmt"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/access"
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
	first := ledger.At(s.nextSlot(at))
	return s.write(ledger.Draft{At: at, Entry: ledger.Entry{
		Kind: ledger.KindScheduleChanged, Schedule: &s.schedule.ref, Retention: &ledger.RetentionBody{FloorSeconds: int64(floor / time.Second)},
		Change: &ledger.ChangeBody{Type: ledger.ChangeCreated, To: object.Digest, Manager: "argocd-controller", ChangeRef: "CHG-1040", NextSlot: &first},
	}, Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object}, nil }})
}

// nextSlot is the first slot after a time.
func (s *simulation) nextSlot(at time.Time) time.Time {
	return at.Truncate(s.opts.Collections).Add(s.opts.Collections)
}

// selfTest records that the evaluators judged their fixtures as expected.
func (s *simulation) selfTest(at time.Time) error {
	if !s.op.up {
		return nil
	}
	for _, typ := range controls.All() {
		if !slices.Contains(selfTested(), typ.Name) {
			continue
		}
		body := &ledger.SelfTestBody{Type: typ.Name, EvaluatorVersion: typ.Control.EvaluatorVersion(),
			Fixtures: 31, Digest: ledger.Digest([]byte(typ.Name))}
		if err := s.write(ledger.Draft{At: at, Entry: ledger.Entry{Kind: ledger.KindSelfTested, SelfTest: body}}); err != nil {
			return err
		}
	}
	return nil
}

// selfTested are the types of the operator of this past. It does not get those that
// the product gets: what is generated stays as it is.
func selfTested() []string {
	return []string{"encryptionAtRest", "encryptionInTransit", "networkIsolation"}
}

// accessChanges has somebody be given the right to everything.
func (s *simulation) accessChanges() error {
	s.census.raised = true
	return nil
}

// observeAccess drafts who can act, where that is not who could before.
func (s *simulation) observeAccess(at time.Time) ([]ledger.Draft, error) {
	found, people := access.Evaluate(s.rules(), access.Target{Namespace: "holdfast-system", Secret: "holdfast-ledger-key"})
	people.Salt = newDice(s.opts.Seed, "salt").hex(32)
	who, err := ledger.NewObject(people)
	if err != nil {
		return nil, err
	}
	who.Erasable, found.People = true, who.Digest
	object, err := ledger.NewObject(found)
	if err != nil || s.op.known().Evidence().Access == object.Digest {
		return nil, err
	}
	s.census.access = object.Digest
	return []ledger.Draft{{At: at, Entry: ledger.Entry{Kind: ledger.KindAccessObserved, ActorRef: who.Digest, Access: &ledger.AccessBody{Access: object.Digest}},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object, who}, nil }}}, nil
}

// rules are what RBAC says of the cluster.
func (s *simulation) rules() *access.Rules {
	everything := []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}}
	policies := []rbacv1.PolicyRule{{APIGroups: []string{"holdfast.dev"}, Resources: []string{"controlpolicies"}, Verbs: []string{"create", "update", "patch"}}}
	rules := &access.Rules{ClusterRoles: []rbacv1.ClusterRole{
		{ObjectMeta: metav1.ObjectMeta{Name: "cluster-admin"}, Rules: everything},
		{ObjectMeta: metav1.ObjectMeta{Name: "policy-author"}, Rules: policies},
	}}
	bind := func(role, kind, name string) {
		subject := rbacv1.Subject{Kind: kind, Name: name}
		if kind == rbacv1.ServiceAccountKind {
			subject.Namespace = "argocd"
		}
		rules.ClusterRoleBindings = append(rules.ClusterRoleBindings, rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role + "-" + name}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: role}, Subjects: []rbacv1.Subject{subject}})
	}
	bind("cluster-admin", rbacv1.GroupKind, "system:masters")
	bind("cluster-admin", rbacv1.UserKind, "dana@example.com")
	bind("policy-author", rbacv1.ServiceAccountKind, "argocd-application-controller")
	if s.census.raised {
		bind("cluster-admin", rbacv1.GroupKind, "sre-on-call")
	}
	return rules
}

// inputsOf are parts by their digests.
func inputsOf(parts []assess.Part) []ledger.Input {
	inputs := make([]ledger.Input, 0, len(parts))
	for _, part := range parts {
		inputs = append(inputs, ledger.Input{Role: part.Role, Digest: part.Digest})
	}
	return inputs
}
