package kill

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// TestInvariant4KillPoints kills the real process with SIGKILL at each kill
// point and starts it again: each episode is in the ledger exactly once, and the
// time without a process is one gap.
func TestInvariant4KillPoints(t *testing.T) {
	cluster := harness.StartCluster(t, harness.ClusterOptions{
		Binary: harness.Build(t, harness.BuildOptions{Tags: "killpoints"}),
	})
	for _, c := range matrix() {
		t.Run(c.Name, func(t *testing.T) { newRun(t, cluster, c).play() })
	}
}

// run is a case that is being played.
type run struct {
	Case
	t       *testing.T
	cluster *harness.Cluster
	op      *harness.Operator
	dir     string
	mark    harness.AuditMark
	// processes are those that ran, the last one included.
	processes []process
	// again is whether a repaired object was deleted while no process ran.
	again bool
	// hasSecond is whether the second namespace is in a policy's scope.
	hasSecond bool
	// fleet are the namespaces that an edit adds; wide is whether it did.
	fleet []string
	wide  bool
	// pod is the one that runs in the first namespace.
	pod *corev1.Pod
	// leftAlone are the namespaces that no policy is over any more.
	leftAlone map[string]bool
	// lostID is the ledger that was lost with its volume.
	lostID string
}

// process is one life of the operator.
type process struct {
	launched, died time.Time
	// alive is what the alive file said after its death; zero if there was none.
	alive time.Time
	// whole is whether it left the namespaces protected; left is what it was to
	// leave.
	whole bool
	left  Left
}

func newRun(t *testing.T, cluster *harness.Cluster, c Case) *run {
	t.Helper()
	r := &run{Case: c, t: t, cluster: cluster, dir: t.TempDir(), mark: cluster.Mark(t)}
	r.op = cluster.NewOperator(t, harness.OperatorOptions{Name: "kill-" + c.Name, Args: []string{"--leader-elect=false"}})
	cluster.Namespace(t, r.namespace(), label, c.Name)
	if c.Bystander {
		r.bystander()
	}
	if c.Prepare != nil {
		c.Prepare(r)
	}
	policy := r.policy()
	if c.Policy != nil {
		policy = c.Policy(r)
	}
	cluster.Apply(t, policy)
	t.Cleanup(func() {
		cluster.DeletePolicy(tbOf(t), r.Name)
		cluster.DeletePolicy(tbOf(t), r.second())
		for _, ns := range []string{r.namespace(), r.second(), r.op.Namespace} {
			cluster.DeleteNamespace(tbOf(t), ns)
		}
	})
	return r
}

// bystander creates the second namespace, and waits until it is older than
// whatever follows: creation times have a resolution of a second.
func (r *run) bystander() {
	r.t.Helper()
	ns := r.cluster.Namespace(r.t, r.second(), label, r.second())
	harness.Eventually(r.t, "the second is over", func() error {
		if time.Since(ns.CreationTimestamp.Time) < time.Second {
			return errors.New("it is not")
		}
		return nil
	})
}

// play lets the processes die, one after another, and judges what the last one
// makes of it.
func (r *run) play() {
	for i := range r.Deaths {
		r.die(&r.Deaths[i])
	}
	r.op.Env = r.Env
	launched := time.Now()
	r.op.Start(r.t)
	if r.Restarted != nil {
		r.Restarted(r)
	}
	r.settle()
	r.op.Stop(r.t)
	r.processes = append(r.processes, process{launched: launched, died: time.Now()})
	r.judge()
}

// die starts a process and has it die.
func (r *run) die(d *Death) {
	r.t.Helper()
	armed, mark := filepath.Join(r.dir, "armed"), filepath.Join(r.dir, "mark")
	for _, file := range []string{armed, mark} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.t.Fatal(err)
		}
	}
	r.op.Env = append([]string{
		killpoint.EnvPoint + "=" + string(d.Point), killpoint.EnvAfter + "=" + strconv.Itoa(d.After), killpoint.EnvMark + "=" + mark,
	}, r.Env...)
	p := process{launched: time.Now(), left: d.Left}
	if d.Act == nil {
		r.op.Launch(r.t)
	} else {
		r.op.Env = append(r.op.Env, killpoint.EnvArmed+"="+armed)
		r.op.Start(r.t)
		r.rest()
		if d.First != nil {
			d.First(r)
		}
		if err := os.WriteFile(armed, nil, 0o600); err != nil {
			r.t.Fatal(err)
		}
		d.Act(r)
	}
	r.op.AwaitExit(r.t)
	p.died = time.Now()
	if at, err := os.ReadFile(mark); err != nil || string(at) != string(d.Point) || !r.op.Killed() {
		r.t.Fatalf("the process did not die of SIGKILL at %s: it died at %q (%v); its log ends:\n%s", d.Point, at, err, r.op.Log())
	}
	if alive, err := ledger.ReadAlive(r.op.LedgerDir); err == nil {
		p.alive = alive.Time.Time
	}
	p.whole = r.whole() == nil
	r.processes = append(r.processes, p)
	if d.Down != nil {
		d.Down(r)
	}
}

// rest waits until a process has nothing left to do.
func (r *run) rest() {
	r.t.Helper()
	r.cluster.AwaitDenied(r.t, r.namespace())
	harness.Eventually(r.t, "the operator is at rest", func() error {
		policy := r.cluster.GetPolicy(r.t, r.Name)
		if meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionReconciling) != nil {
			return errors.New("the policy is reconciling")
		}
		// The log follows the journal.
		if repaired := r.op.Evidence(r.t).Episodes().Ended(ledger.EndingRepaired); len(repaired) == 0 {
			return errors.New("the first episode is not in the log")
		}
		return harness.HasCondition(policy, v1alpha1.ConditionConforming, "True", v1alpha1.ReasonAllConforming)
	})
}

// settle waits until the last process has recorded what the dead ones left.
func (r *run) settle() {
	r.t.Helper()
	defer func() {
		if r.t.Failed() {
			r.t.Logf("the entries:\n%s", r.op.Evidence(r.t))
		}
	}()
	harness.Eventually(r.t, "the ledger is settled", func() error {
		evidence := r.op.Evidence(r.t)
		if evidence.Kind(ledger.KindOperatorStarted).Where(func(e *ledger.Entry) bool {
			return !e.Operator.StartedAt.Before(r.processes[len(r.processes)-1].died)
		}) == nil {
			return errors.New("the last process has not stated that it started")
		}
		if !observed(evidence) {
			return errors.New("the last process has not observed yet, nor stated the gap before")
		}
		if err := r.whole(); err != nil {
			return err
		}
		if open := evidence.Episodes().Open(); len(open) > 0 {
			return fmt.Errorf("open episodes:\n%s", open)
		}
		if r.Settled != nil {
			return r.Settled(r, evidence)
		}
		return evidence.Kind(ledger.KindControlIntroduced).Want(1)
	})
}

// observed is whether the last process has: its first heartbeat follows the gap
// that its start ended.
func observed(evidence harness.Evidence) bool {
	started, beats := evidence.Kind(ledger.KindOperatorStarted), evidence.Kind(ledger.KindHeartbeat)
	return len(beats) > 0 && beats[len(beats)-1].Seq > started[len(started)-1].Seq
}

// whole returns nil if each namespace that a policy protects is protected.
func (r *run) whole() error {
	for _, ns := range r.protected() {
		if err := harness.DeniesIngress(r.cluster.NetworkPolicy(r.t, ns, harness.Deny)); err != nil {
			return fmt.Errorf("namespace %s: %w", ns, err)
		}
	}
	return nil
}
