package preflight

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// testInTheWay: a ledger that cannot be opened keeps nothing else from working, and
// is opened as soon as it can be.
func testInTheWay(s *scene) {
	if err := os.WriteFile(s.op.LedgerDir, []byte("in the way\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.op.Launch(s.t)
	s.awaitReady()
	s.enforce()
	s.wantRepairsWithoutLedger(s.op.LedgerDir+" is not a directory: ", "move away what is in its place")
	if err := os.Remove(s.op.LedgerDir); err != nil {
		s.t.Fatal(err)
	}
	s.wantRecorded()
}

// testUnwritable: nothing can be written for a while, to the volume or elsewhere.
// The limit is the system's own, and needs no privilege.
func testUnwritable(s *scene) {
	s.op.Launch(s.t)
	s.awaitReady()
	s.enforce()
	s.AwaitCondition(s.t, s.op.Name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonRecorded)
	s.limitFiles(0)
	s.DeleteNetworkPolicy(s.t, s.subject(), harness.Deny)
	s.AwaitDenied(s.t, s.subject())
	s.wantRepairsWithoutLedger(s.op.LedgerDir, "file too large")
	s.limitFiles(unix.RLIM_INFINITY)
	s.wantRecorded()
	harness.Eventually(s.t, "each episode is in the ledger once", func() error {
		return s.op.Evidence(s.t).Episodes().Of(s.op.Name).From(ledger.OriginDrift).Ended(ledger.EndingRepaired).Want(2)
	})
}

func (s *scene) subject() string { return s.op.Name + "-subject" }

// enforce has a namespace of the scene's deny ingress.
func (s *scene) enforce() {
	s.t.Helper()
	s.Namespace(s.t, s.subject(), "scene", s.op.Name)
	s.Apply(s.t, harness.Policy(s.op.Name).Select("scene", s.op.Name).Deny(v1alpha1.DirectionIngress).Enforce())
	s.AwaitDenied(s.t, s.subject())
}

// wantRepairsWithoutLedger shows that drift is repaired while the ledger cannot be
// written, of which a condition says what and where.
func (s *scene) wantRepairsWithoutLedger(parts ...string) {
	s.t.Helper()
	policy := s.AwaitCondition(s.t, s.op.Name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionFalse, v1alpha1.ReasonLedgerUnavailable)
	message := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionEvidenceRecorded).Message
	for _, part := range parts {
		if !strings.Contains(message, part) {
			s.t.Errorf("EvidenceRecorded says %q, without %q", message, part)
		}
	}
	s.DeleteNetworkPolicy(s.t, s.subject(), harness.Deny)
	s.AwaitDenied(s.t, s.subject())
	s.wantAlive()
}

// wantRecorded waits until the ledger has everything.
func (s *scene) wantRecorded() {
	s.t.Helper()
	s.AwaitCondition(s.t, s.op.Name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonRecorded)
	s.AwaitConforming(s.t, s.op.Name)
	harness.Eventually(s.t, "nothing is lost", func() error {
		evidence := s.op.Evidence(s.t)
		if lost := evidence.Kind(ledger.KindEvidenceLost); len(lost) > 0 {
			return fmt.Errorf("%d entries are", len(lost))
		}
		if len(evidence.Episodes().Of(s.op.Name)) == 0 {
			return errors.New("there is no episode")
		}
		return nil
	})
}

// limitFiles limits the size up to which the operator may write files.
func (s *scene) limitFiles(size uint64) {
	s.t.Helper()
	if err := unix.Prlimit(s.op.PID(), unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}, nil); err != nil {
		s.t.Fatal(err)
	}
}
