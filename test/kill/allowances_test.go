package kill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// The objects that Holdfast applies for allowances.
const (
	allowSameNamespace = "holdfast-allow-same-namespace-ingress"
	allowAdmission     = "holdfast-allow-admission-hook"
)

// fleetLabel is the label by which an edit selects far more namespaces.
const fleetLabel = "kill-fleet"

// fleetSize is so many that their enforcement is held until it is confirmed.
const fleetSize = 12

// allowances die between what is allowed and what is denied, and as an allowance
// is revoked.
func allowances() []Case {
	var cases []Case
	for _, d := range []Death{
		{Point: killpoint.RepairDue}, {Point: killpoint.RepairAnswered}, {Point: killpoint.RepairAnswered, After: 2},
		{Point: killpoint.RepairAnswered, After: 3}, {Point: killpoint.RepairNoted}, {Point: killpoint.ActRecorded},
		{Point: killpoint.ActRecorded, After: 2}, {Point: killpoint.RepairRecorded},
	} {
		d.Act = secondAllows
		cases = append(cases, Case{Name: fmt.Sprintf("allowing-%s-%d", dashed(d.Point), max(1, d.After)), Bystander: true,
			Prepare: hooked, Deaths: []Death{d}, Settled: introduced, Writes: allowedWrites, Episodes: 2})
	}
	for _, p := range []killpoint.Point{
		killpoint.PolicySwapped, killpoint.RepairDue, killpoint.RepairAnswered, killpoint.RepairNoted, killpoint.RepairRecorded,
	} {
		cases = append(cases, Case{Name: "revoking-" + dashed(p), Policy: sameNamespaceAllowed,
			Deaths: []Death{{Point: p, Act: revoked}}, Settled: updated, Writes: revokedWrites, Episodes: 2})
	}
	return cases
}

// rollouts die while a generation is held, as it is confirmed, and amid the
// rollout that follows.
func rollouts() []Case {
	cases := []Case{
		{Name: "held-recorded", Deaths: []Death{{Point: killpoint.PolicyRecorded, Act: widened}}, Restarted: heldThenConfirmed},
		{Name: "held-swapped", Deaths: []Death{{Point: killpoint.PolicySwapped, Act: widened}}, Restarted: heldThenConfirmed},
		{Name: "held-judged", Deaths: []Death{{Point: killpoint.ScopeRecorded, Act: widened}}, Restarted: heldThenConfirmed},
		{Name: "confirmed-recorded", Deaths: []Death{{First: held, Point: killpoint.RolloutConfirmed, Act: confirmed}}},
		{Name: "confirmed-due", Deaths: []Death{{First: held, Point: killpoint.RepairDue, Act: confirmed}}},
		{Name: "confirmed-answered", Deaths: []Death{{First: held, Point: killpoint.RepairAnswered, Act: confirmed}}},
		{Name: "confirmed-repaired", Deaths: []Death{{First: held, Point: killpoint.RepairRecorded, Act: confirmed}}},
		{Name: "confirmed-while-down", Deaths: []Death{{First: held, Point: killpoint.PolicyRecorded, Act: secondPolicy, Down: confirmed}}, Bystander: true},
	}
	for i := range cases {
		c := &cases[i]
		c.Prepare, c.Settled, c.Writes, c.Episodes = fleet, rolledOut, fleetWrites, 1+fleetSize
		if c.Bystander {
			c.Episodes++
		}
	}
	return append(cases, Case{Name: "rolled-back", Prepare: podRuns, Policy: sameNamespaceAllowed,
		Deaths:    []Death{{First: broken, Point: killpoint.ScopeRecorded, Act: newcomer}},
		Restarted: stoppedThenConfirmed, Settled: rolledBack, Writes: rolledBackWrites, Episodes: 3},
		Case{Name: "rolling-back-recorded", Prepare: podRuns, Policy: sameNamespaceAllowed,
			Deaths:    []Death{{Point: killpoint.RollbackRecorded, Act: breaks}},
			Restarted: finishedThenConfirmed, Settled: rolledBack, Writes: takenBackWrites, Episodes: 2},
		Case{Name: "rolling-back-answered", Prepare: podRuns, Policy: sameNamespaceAllowed,
			Deaths:    []Death{{Point: killpoint.RepairAnswered, Act: breaks}},
			Restarted: finishedThenConfirmed, Settled: rolledBack, Writes: takenBackWrites, Episodes: 2})
}

// hooked has the API server call a Service of the second namespace, though for
// nothing that there is.
func hooked(r *run) {
	r.make(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: r.second(), Name: "hook"},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "hook"}, Ports: []corev1.ServicePort{{Port: 443}}}})
	r.make(&admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: r.second()},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "hook.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionregistrationv1.SideEffectClassNone),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: r.second(), Name: "hook"}},
			Rules: []admissionregistrationv1.RuleWithOperations{{Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{APIGroups: []string{"example.com"}, APIVersions: []string{"v1"}, Resources: []string{"nothings"}}}},
		}}})
}

// make creates an object until the case ends.
func (r *run) make(o client.Object) {
	r.t.Helper()
	if err := r.cluster.Create(r.t.Context(), o); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := client.IgnoreNotFound(r.cluster.Delete(context.Background(), o)); err != nil {
			r.t.Error(err)
		}
	})
}

func sameNamespace() v1alpha1.Allowance { return v1alpha1.Allowance{Type: v1alpha1.AllowSameNamespace} }

func sameNamespaceAllowed(r *run) *harness.PolicyBuilder { return r.policy().Allow(sameNamespace()) }

// secondAllows puts a second policy in force, over the bystander, which denies
// only what it also allows the API server.
func secondAllows(r *run) {
	r.hasSecond = true
	r.cluster.Apply(r.t, harness.Policy(r.second()).Enforce().Select(label, r.second()).Deny("Ingress").
		Allow(v1alpha1.Allowance{Type: v1alpha1.AllowAdmissionBackends}, sameNamespace()))
}

// revoked takes the allowance out of the policy.
func revoked(r *run) { r.cluster.Apply(r.t, r.policy()) }

// fleet creates the namespaces that an edit is to add.
func fleet(r *run) {
	r.cluster.Label(r.t, r.namespace(), fleetLabel, r.Name)
	for i := range fleetSize {
		name := fmt.Sprintf("kill-%s-fleet-%d", r.Name, i)
		r.cluster.Namespace(r.t, name, fleetLabel, r.Name)
		r.t.Cleanup(func() { r.cluster.DeleteNamespace(tbOf(r.t), name) })
		r.fleet = append(r.fleet, name)
	}
}

// widened has the policy select them all.
func widened(r *run) {
	r.wide = true
	r.cluster.Apply(r.t, r.policy().Select(fleetLabel, r.Name))
}

// held is widened, and waits until that is held.
func held(r *run) {
	widened(r)
	r.cluster.AwaitCondition(r.t, r.Name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRolloutHeld)
}

// confirmed confirms the policy's generation.
func confirmed(r *run) {
	r.t.Helper()
	policy := r.cluster.GetPolicy(r.t, r.Name)
	before := policy.DeepCopy()
	policy.Annotations = map[string]string{v1alpha1.AnnotationConfirmedGeneration: strconv.FormatInt(policy.Generation, 10)}
	if err := r.cluster.Patch(r.t.Context(), policy, client.MergeFrom(before)); err != nil {
		r.t.Fatal(err)
	}
}

// heldThenConfirmed: nothing that the edit adds was touched, before or after the
// death, until it is confirmed.
func heldThenConfirmed(r *run) {
	r.cluster.AwaitCondition(r.t, r.Name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRolloutHeld)
	harness.Eventually(r.t, "every namespace is judged", func() error {
		return r.op.Evidence(r.t).Episodes().Open().Want(fleetSize)
	})
	if err := r.writes(r.fleet...).Want(0); err != nil {
		r.t.Error(err)
	}
	confirmed(r)
}

// podRuns has a pod be ready in the namespace.
func podRuns(r *run) {
	r.pod = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace(), Name: "web", Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{AutomountServiceAccountToken: new(false), Containers: []corev1.Container{{Name: "main", Image: "registry.invalid/main"}}}}
	// Pods are refused until the namespace has its service account.
	harness.Eventually(r.t, "the pod is admitted", func() error { return r.cluster.Create(r.t.Context(), r.pod) })
	r.setReady(corev1.ConditionTrue)
}

func (r *run) setReady(status corev1.ConditionStatus) {
	r.t.Helper()
	r.pod.Status.Phase = corev1.PodRunning
	r.pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.Now()}}
	if err := r.cluster.Status().Update(r.t.Context(), r.pod); err != nil {
		r.t.Fatal(err)
	}
}

// breaks has the pod be ready no more.
func breaks(r *run) { r.setReady(corev1.ConditionFalse) }

// finishedThenConfirmed: what was recorded as taken back is removed by the next
// process, and stays so until that is confirmed.
func finishedThenConfirmed(r *run) {
	removed(r)
	r.setReady(corev1.ConditionTrue)
	r.cluster.AwaitCondition(r.t, r.Name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRolledBack)
	confirmed(r)
}

// removed waits until what was recorded as taken back is removed.
func removed(r *run) {
	r.t.Helper()
	harness.Eventually(r.t, "what was taken back is removed", func() error {
		for _, name := range []string{harness.Deny, allowSameNamespace} {
			if np := r.cluster.NetworkPolicy(r.t, r.namespace(), name); np != nil {
				return fmt.Errorf("%s is there", name)
			}
		}
		return nil
	})
}

// broken has the pod be ready no more, and waits until what was applied is taken
// back.
func broken(r *run) {
	r.setReady(corev1.ConditionFalse)
	harness.Eventually(r.t, "what was applied is recorded as taken back", func() error {
		return r.op.Evidence(r.t).Kind(ledger.KindRolledBack).Want(2)
	})
	removed(r)
}

// stoppedThenConfirmed: what was taken back stays so, and nothing new is enforced,
// until that is confirmed.
func stoppedThenConfirmed(r *run) {
	r.setReady(corev1.ConditionTrue)
	harness.Eventually(r.t, "every namespace is judged", func() error {
		evidence := r.op.Evidence(r.t)
		return errors.Join(evidence.Episodes().Open().Want(2), evidence.On(r.second()).Kind(ledger.KindSubjectAdded).Want(1))
	})
	policy := r.cluster.AwaitCondition(r.t, r.Name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRolledBack)
	since := r.processes[len(r.processes)-1].died
	harness.During(r.t, time.Second, "nothing is applied", func() error {
		return r.writes(r.namespace(), r.second()).After(since).Want(0)
	})
	if policy.Generation != 1 {
		r.t.Errorf("generation %d, want the one that was in force", policy.Generation)
	}
	confirmed(r)
}

// writes are what the operator wrote in namespaces.
func (r *run) writes(namespaces ...string) harness.Requests {
	return r.cluster.Since(r.t, r.mark).Writes().On("networkpolicies").In(namespaces...).By(r.op.User).Succeeded()
}

func allowedWrites(r *run) map[string][]string {
	return map[string][]string{
		r.namespace(): {"patch " + harness.Deny},
		r.second():    {"patch " + allowAdmission, "patch " + allowSameNamespace, "patch " + harness.Deny},
	}
}

func revokedWrites(r *run) map[string][]string {
	return map[string][]string{r.namespace(): {"patch " + allowSameNamespace, "patch " + harness.Deny, "delete " + allowSameNamespace}}
}

func fleetWrites(r *run) map[string][]string {
	want := map[string][]string{r.namespace(): {"patch " + harness.Deny}}
	for _, name := range r.fleet {
		want[name] = []string{"patch " + harness.Deny}
	}
	if r.hasSecond {
		want[r.second()] = []string{"patch " + harness.Deny}
	}
	return want
}

func takenBackWrites(r *run) map[string][]string {
	applied := []string{"patch " + allowSameNamespace, "patch " + harness.Deny}
	return map[string][]string{
		r.namespace(): slices.Concat(applied, []string{"delete " + harness.Deny, "delete " + allowSameNamespace}, applied),
	}
}

func rolledBackWrites(r *run) map[string][]string {
	applied := []string{"patch " + allowSameNamespace, "patch " + harness.Deny}
	return map[string][]string{
		r.namespace(): slices.Concat(applied, []string{"delete " + harness.Deny, "delete " + allowSameNamespace}, applied),
		r.second():    applied,
	}
}

// judgeWrites: what had to be written was, in its order and once; what is
// recorded was written. A request that was under way as the process died may not
// be logged as a success, nor be recorded; nor is what was answered after the last
// proof of observation, where the journal was slow: it lies in the gap.
func (r *run) judgeWrites(evidence harness.Evidence) error {
	want := r.Writes(r)
	for namespace, all := range want {
		left, got := all, r.writes(namespace)
		for i := range got {
			write := got[i].Verb + " " + got[i].ObjectRef.Name
			at := slices.Index(left, write)
			if at < 0 {
				return fmt.Errorf("%s is written out of order or again in namespace %s, want %v:\n%s", write, namespace, all, got)
			}
			left = left[at+1:]
		}
		if len(got) < len(all)-len(r.Deaths) {
			return fmt.Errorf("want %v in namespace %s:\n%s", all, namespace, got)
		}
		recorded := evidence.Where(func(e *ledger.Entry) bool {
			return (e.Kind == ledger.KindRepaired || e.Kind == ledger.KindRolledBack) && e.Object.Namespace == namespace
		})
		if len(recorded) > len(all) || len(recorded) < len(all)-max(len(r.Deaths), len(inGaps(got, evidence))) {
			return fmt.Errorf("want entries about %v in namespace %s:\n%s", all, namespace, recorded)
		}
		if err := recordedOnce(recorded); err != nil {
			return err
		}
	}
	return r.judgeEndings(evidence.Episodes())
}

// inGaps are the requests that were answered while nobody observed.
func inGaps(requests harness.Requests, evidence harness.Evidence) harness.Requests {
	return requests.Where(func(e *auditv1.Event) bool {
		return slices.ContainsFunc(evidence.Gaps(ledger.CauseNotRunning), func(gap *ledger.Entry) bool {
			at := e.StageTimestamp.Time
			return at.After(gap.Gap.From.Time) && (gap.Gap.To == nil || at.Before(gap.Gap.To.Time))
		})
	})
}

// judgeEndings: each episode ended by a repair, or with one that nobody lived to
// record.
func (r *run) judgeEndings(episodes harness.Episodes) error {
	ended := len(episodes.Ended(ledger.EndingRepaired)) + len(episodes.Ended(ledger.EndingUnknownInGap))
	if ended != len(episodes) {
		return fmt.Errorf("%d episodes ended, of:\n%s", ended, episodes)
	}
	return episodes.Want(r.Episodes)
}

// recordedOnce returns nil if no two entries speak of the same write.
func recordedOnce(entries harness.Evidence) error {
	seen := map[string]bool{}
	for _, e := range entries {
		version := cmp.Or(e.Object.After, e.Object.Before)
		key := fmt.Sprintf("%s %t %s/%s", e.Object.Name, e.Object.After == nil, version.UID, version.ResourceVersion)
		if seen[key] {
			return fmt.Errorf("entry %d records a write again", e.Seq)
		}
		seen[key] = true
	}
	return nil
}

// updated: the policy was edited once.
func updated(_ *run, evidence harness.Evidence) error {
	return evidence.Kind(ledger.KindPolicyChanged).Want(2)
}

// rolledOut: the edit was confirmed once, and reached every namespace once.
func rolledOut(r *run, evidence harness.Evidence) error {
	changes := evidence.Of(r.Name).Kind(ledger.KindPolicyChanged)
	confirmations := changes.Where(func(e *ledger.Entry) bool { return e.Change.Type == ledger.ChangeConfirmed })
	entered := evidence.Of(r.Name).Where(func(e *ledger.Entry) bool {
		return e.Kind == ledger.KindScopeEntered || e.Kind == ledger.KindSubjectAdded
	})
	return errors.Join(changes.Want(3), confirmations.Want(1), entered.Want(1+fleetSize))
}

// rolledBack: what was taken back was so once, and what stopped was confirmed once.
func rolledBack(_ *run, evidence harness.Evidence) error {
	return errors.Join(evidence.Kind(ledger.KindRolledBack).Want(2), evidence.Kind(ledger.KindPolicyChanged).Want(2))
}
