package encryptionatrest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// FuzzLevels judges a class and a volume with any names and values. Whatever they
// are, what conforms is a level that was asked for, and findings are bounded.
func FuzzLevels(f *testing.F) {
	for _, r := range builtin().Rows {
		for _, name := range slices.Concat(r.Provisioners, r.Sources) {
			f.Add(name, "encrypted", "true", "kmsKeyId", "k", true)
		}
	}
	f.Add("", "", "", "", "", false)
	f.Add("*", "*", "*", "ENCRYPTED", "\x00", true)
	f.Fuzz(func(t *testing.T, driver, key, value, other, second string, dynamic bool) {
		parameters := map[string]string{key: value, other: second}
		class := control.StorageClass{Meta: control.Meta{Name: "class", CreatedAt: classMade}, Provisioner: driver, Parameters: parameters}
		v := volume(driver, func(v *control.Volume) {
			v.Attributes = parameters
			if dynamic {
				v.Provisioner, v.ClassName, v.Class = driver, class.Name, &class
			}
		})
		for _, least := range []v1alpha1.EncryptionLevel{p, c} {
			spec := v1alpha1.VolumeEncryption{MinimumLevel: least}
			rated := map[string]rating{RuleClass: rateClass(&spec, &class), RuleVolume: rateVolume(&spec, &v)}
			clusterInput := newCluster().volumes(spec)
			clusterInput.Snapshot.StorageClasses = []control.StorageClass{class}
			findings := append(Control{}.Evaluate(clusterInput.Input), Control{}.Evaluate(inWeb(spec, v))...)
			for _, f := range findings {
				r, rates := rated[f.Rule]
				if rates && (f.Outcome == control.Conforming) != (r.level >= levelOf(least)) {
					t.Errorf("%s is %s at level %s, of which %s is asked for", f.Rule, f.Outcome, r.level, least)
				}
				checkBounds(t, f)
			}
			if builtin().source(driver) == nil && rated[RuleVolume].level != unknown {
				t.Errorf("a volume of the unlisted driver %q has level %s", driver, rated[RuleVolume].level)
			}
		}
	})
}

func checkBounds(t interface {
	Errorf(format string, args ...any)
}, f control.Finding) {
	if len(f.Message) > maxMessage || len(f.Culprits) > maxCulprits {
		t.Errorf("%s has a message of %d bytes, and %d culprits", f.Rule, len(f.Message), len(f.Culprits))
	}
	for name, text := range f.Facts {
		if len(text) > maxFact {
			t.Errorf("%s: fact %s has %d bytes", f.Rule, name, len(text))
		}
	}
}

// FuzzQuoted: what is quoted is one text for CEL, with nothing that ends it.
func FuzzQuoted(f *testing.F) {
	for _, text := range []string{"", "'", `\`, `\'`, "a\nb", "it's", "\x7f", "ä", "\u2028"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := quoted(text)
		inner := strings.TrimSuffix(strings.TrimPrefix(got, "'"), "'")
		for i := 0; i < len(inner); i++ {
			switch {
			case inner[i] == '\\':
				i++
			case inner[i] == '\'' || inner[i] < ' ':
				t.Fatalf("%q is quoted as %s", text, got)
			}
		}
	})
}

// TestOrderNeverMatters: neither the order of objects nor a second evaluation
// changes a finding, or what is wanted.
func TestOrderNeverMatters(t *testing.T) {
	base := storing(encrypted(), inTheClear()).volumes(guarding(v1alpha1.GuardDeny)).class(storageClass("plain", "ebs.csi.aws.com", "")).guarded(t).tried(nil)
	rapid.Check(t, func(t *rapid.T) {
		in := base.Input
		before, wants := Control{}.Evaluate(in), mustWant(t, in)
		s := *in.Snapshot
		s.StorageClasses = rapid.Permutation(s.StorageClasses).Draw(t, "classes")
		s.Guards = rapid.Permutation(s.Guards).Draw(t, "guards")
		s.Observations = rapid.Permutation(s.Observations).Draw(t, "observations")
		s.APIServerPods = rapid.Permutation(s.APIServerPods).Draw(t, "pods")
		in.Snapshot = &s
		if diff := cmp.Diff(before, Control{}.Evaluate(in)); diff != "" {
			t.Fatalf("another order differs:\n%s", diff)
		}
		if diff := cmp.Diff(wants, mustWant(t, in)); diff != "" {
			t.Fatalf("another order wants otherwise:\n%s", diff)
		}
	})
}

func mustWant(t *rapid.T, in control.Input) []control.Change {
	changes, err := Control{}.Wants(in)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// TestFindingsAreBounded: whatever is there, a finding names no more than it may.
func TestFindingsAreBounded(t *testing.T) {
	c := newCluster().volumes(v1alpha1.VolumeEncryption{}).apiServer(v1alpha1.APIServerEncryption{})
	for i := range 300 {
		class := storageClass(fmt.Sprintf("%0240d", i), strings.Repeat("p", 253), "")
		class.Default = true
		c.class(class)
		c.Snapshot.Lifelines.APIServer = append(c.Snapshot.Lifelines.APIServer, control.Endpoint{Address: fmt.Sprintf("10.0.1.%d", i), Port: control.Port{Port: 6443}})
		c.saw(fmt.Sprintf("10.0.1.%d:6443", i), with(func(s *control.Stored) { s.Prefixes[""] = 1; s.Keys[strings.Repeat("k", 200)] = 1 }))
		c.Snapshot.APIServerPods = append(c.Snapshot.APIServerPods, control.APIServerPod{Name: fmt.Sprintf("kube-apiserver-%0200d", i)})
	}
	for _, f := range (Control{}).Evaluate(c.Input) {
		checkBounds(t, f)
	}
}
