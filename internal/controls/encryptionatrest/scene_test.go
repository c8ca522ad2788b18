package encryptionatrest

import (
	"maps"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	endpointA = "10.0.0.1:6443"
	endpointB = "10.0.0.2:6443"
	aesgcm    = "k8s:enc:aesgcm:v1:"
	kms       = "k8s:enc:kms:v2:vault:"
)

// cluster is an input about the cluster itself: two API servers of one's own, that
// encrypt Secrets, and two classes, of which one is encrypted and the default.
type cluster struct{ control.Input }

func newCluster() *cluster {
	in := control.Input{
		Policy:  "self-test",
		Control: v1alpha1.ControlSpec{ID: "ENC-1", Mode: v1alpha1.ModeEnforce, EncryptionAtRest: &v1alpha1.EncryptionAtRest{}},
		Scope: &v1alpha1.Scope{
			NamespaceSelector: metav1.LabelSelector{MatchLabels: map[string]string{"tier": "vault"}},
			BuiltinExclusions: []string{"kube-system"}, Cluster: v1alpha1.ClusterIncluded,
		},
		Snapshot: &control.Snapshot{
			Namespace: control.ClusterNamespace("5a3c6f0e-0000-4000-8000-000000000001", classMade.AddDate(0, -1, 0)),
			Lifelines: &control.Lifelines{APIServer: []control.Endpoint{
				{Address: "10.0.0.1", Port: control.Port{Protocol: "TCP", Port: 6443}}, {Address: "10.0.0.2", Port: control.Port{Protocol: "TCP", Port: 6443}},
			}},
			APIServerPods: []control.APIServerPod{
				{Name: "kube-apiserver-a", Flags: map[string]string{configFlag: "/etc/kubernetes/enc.yaml"}},
				{Name: "kube-apiserver-b", Flags: map[string]string{configFlag: "/etc/kubernetes/enc.yaml"}},
			},
			StorageClasses: []control.StorageClass{storageClass("fast", "ebs.csi.aws.com", "encrypted=true"), storageClass("archive", "pd.csi.storage.gke.io", "")},
		},
		Now: now,
	}
	in.Snapshot.StorageClasses[0].Default = true
	return &cluster{in}
}

// volumes has the control state something of volumes.
func (c *cluster) volumes(v v1alpha1.VolumeEncryption) *cluster {
	c.Control.EncryptionAtRest.Volumes = &v
	return c
}

// apiServer has the control state something of what API servers store.
func (c *cluster) apiServer(a v1alpha1.APIServerEncryption) *cluster {
	c.Control.EncryptionAtRest.APIServer = &a
	return c
}

// class adds a class, or puts one in the place of another.
func (c *cluster) class(class control.StorageClass) *cluster {
	for i := range c.Snapshot.StorageClasses {
		if c.Snapshot.StorageClasses[i].Name == class.Name {
			c.Snapshot.StorageClasses[i] = class
			return c
		}
	}
	c.Snapshot.StorageClasses = append(c.Snapshot.StorageClasses, class)
	return c
}

// defaults makes exactly these classes the default ones.
func (c *cluster) defaults(names ...string) *cluster {
	for i := range c.Snapshot.StorageClasses {
		class := &c.Snapshot.StorageClasses[i]
		class.Default = false
		for _, name := range names {
			class.Default = class.Default || class.Name == name
		}
	}
	return c
}

// managed is a cluster whose API servers are somebody else's.
func (c *cluster) managed() *cluster {
	c.Snapshot.APIServerPods = nil
	return c
}

func (c *cluster) without(need control.Need, reason string) *cluster {
	unavailable := maps.Clone(c.Snapshot.Unavailable)
	if unavailable == nil {
		unavailable = map[control.Need]string{}
	}
	unavailable[need] = reason
	c.Snapshot.Unavailable = unavailable
	return c
}

// saw adds what a canary of Secrets showed.
func (c *cluster) saw(endpoint string, stored control.Stored) *cluster {
	return c.observed(canaryOf(endpoint), control.Observation{Stored: &stored})
}

// missed adds why a canary of Secrets showed nothing.
func (c *cluster) missed(endpoint, reason, message string) *cluster {
	return c.observed(canaryOf(endpoint), control.Observation{Reason: reason, Message: message})
}

func canaryOf(endpoint string) control.Target {
	return control.Target{Canary: &control.CanaryTarget{Endpoint: endpoint, Resource: "secrets"}}
}

func (c *cluster) observed(target control.Target, o control.Observation) *cluster {
	o.Target, o.At, o.ValidUntil = control.Target{Canary: target.Canary, Guard: target.Guard}, now.Add(-time.Minute), now.Add(29*time.Minute)
	c.Snapshot.Observations = append(c.Snapshot.Observations, o)
	return c
}

// stale makes everything that was seen count no more.
func (c *cluster) stale() *cluster {
	for i := range c.Snapshot.Observations {
		c.Snapshot.Observations[i].ValidUntil = now
	}
	return c
}

// guarded puts the guards in place, as they are wanted.
func (c *cluster) guarded(t *testing.T) *cluster {
	t.Helper()
	changes, err := Control{}.Wants(c.Input)
	if err != nil {
		t.Fatal(err)
	}
	c.Snapshot.Guards = nil
	for i := range changes {
		if changes[i].Kind == "StorageClass" || changes[i].Remove {
			continue
		}
		c.Snapshot.Guards = append(c.Snapshot.Guards, control.GuardObject{
			Meta: control.Meta{Name: changes[i].Name, UID: "guard"}, APIVersion: changes[i].APIVersion, Kind: changes[i].Kind, Spec: changes[i].Spec, Ours: true})
	}
	return c
}

// tried adds what became of each guard's dry run.
func (c *cluster) tried(edit func(policy string, r *control.Refused)) *cluster {
	for _, target := range (Control{}).Targets(c.Input) {
		if target.Guard == nil {
			continue
		}
		refused := control.Refused{Denied: []string{target.Guard.Policy}}
		if edit != nil {
			edit(target.Guard.Policy, &refused)
		}
		c.observed(target, control.Observation{Refused: &refused})
	}
	return c
}

// finding returns the one on a rule of the cluster.
func (c *cluster) finding(t *testing.T, rule string) control.Finding {
	t.Helper()
	var found []control.Finding
	for _, f := range (Control{}).Evaluate(c.Input) {
		if f.Rule == rule {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d findings of %s, want one: %+v", len(found), rule, found)
	}
	return found[0]
}

// encrypted is how a Secret is stored that is encrypted with a local key.
func encrypted() control.Stored {
	return control.Stored{Prefixes: map[string]int{aesgcm: 1}, Keys: map[string]int{"key2": 1}, FirstSeen: now.AddDate(0, -1, 0)}
}

func inTheClear() control.Stored { return control.Stored{Prefixes: map[string]int{"": 1}} }
