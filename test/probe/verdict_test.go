package probe_test

import (
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/encryptionatrest"
)

// verdict is what rule ER-06 says of API servers that run as pods of the cluster, by
// what was seen of them.
func verdict(t *testing.T, observations []control.Observation) control.Finding {
	t.Helper()
	snapshot := &control.Snapshot{
		Namespace:    control.ClusterNamespace("a-cluster", time.Now()),
		Lifelines:    &control.Lifelines{},
		Observations: observations,
	}
	for i := range observations {
		host, port, err := net.SplitHostPort(observations[i].Canary.Endpoint)
		if err != nil {
			t.Fatal(err)
		}
		number, err := strconv.ParseInt(port, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		snapshot.Lifelines.APIServer = append(snapshot.Lifelines.APIServer, control.Endpoint{Address: host, Port: control.Port{Port: int32(number)}})
		snapshot.APIServerPods = append(snapshot.APIServerPods, control.APIServerPod{Name: "kube-apiserver-" + port})
	}
	findings := encryptionatrest.Control{}.Evaluate(control.Input{
		Policy: "p", Snapshot: snapshot, Now: time.Now(),
		Control: v1alpha1.ControlSpec{ID: "ENC-1", EncryptionAtRest: &v1alpha1.EncryptionAtRest{APIServer: &v1alpha1.APIServerEncryption{Resources: []string{"secrets"}}}},
	})
	i := slices.IndexFunc(findings, func(f control.Finding) bool { return f.Rule == encryptionatrest.RuleStored })
	if i < 0 {
		t.Fatalf("no finding of rule %s in %+v", encryptionatrest.RuleStored, findings)
	}
	return findings[i]
}

// judge is the verdict on one API server.
func (c *cluster) judge(t *testing.T, server int, stored *control.Stored) control.Outcome {
	t.Helper()
	target := c.target(server, "secrets")
	f := verdict(t, []control.Observation{{Target: control.Target{Canary: &target}, At: time.Now(), ValidUntil: time.Now().Add(time.Hour), Stored: stored}})
	if f.Outcome != control.NotEvaluated && f.Basis != control.BasisBehaviour {
		t.Errorf("the verdict rests on %s", f.Basis)
	}
	return f.Outcome
}
