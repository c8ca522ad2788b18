package encryptionatrest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// brief is what a finding says but for its words.
func brief(f control.Finding) string {
	text := string(f.Outcome) + " " + f.Reason + " " + string(f.Basis)
	if len(f.Culprits) > 0 {
		text += ": " + strings.Join(f.Culprits, ", ")
	}
	return text
}

// storing is a cluster whose API servers store Secrets as stated.
func storing(a, b control.Stored) *cluster {
	return newCluster().apiServer(v1alpha1.APIServerEncryption{}).saw(endpointA, a).saw(endpointB, b)
}

func with(edit func(*control.Stored)) control.Stored {
	s := encrypted()
	edit(&s)
	return s
}

func unlabelled(s control.Stored) control.Stored {
	s.Unlabelled = true
	return s
}

// servedBy is the statement of whoever serves the control plane.
func servedBy(until time.Time) *v1alpha1.Attestation {
	return &v1alpha1.Attestation{Ref: "DOC-9", SHA256: strings.Repeat("b", 64), Signer: "provider", ValidUntil: metav1.NewTime(until)}
}

const (
	secretsA = endpointA + " (secrets)"
	secretsB = endpointB + " (secrets)"
)

func TestStored(t *testing.T) {
	year := now.AddDate(1, 0, 0)
	attested := func(until time.Time) v1alpha1.APIServerEncryption {
		return v1alpha1.APIServerEncryption{Attestation: servedBy(until)}
	}
	plain := v1alpha1.APIServerEncryption{}
	none := control.Stored{NoTransformer: true}
	for name, tc := range map[string]struct {
		cluster *cluster
		want    string
	}{
		"both encrypt":                 {storing(encrypted(), encrypted()), "Conforming StoredEncrypted Behaviour"},
		"by KMS":                       {storing(control.Stored{Prefixes: map[string]int{kms: 1}}, encrypted()), "Conforming StoredEncrypted Behaviour"},
		"one in the clear":             {storing(encrypted(), inTheClear()), "Deviating StoredInTheClear Behaviour: " + secretsB},
		"both in the clear":            {storing(inTheClear(), inTheClear()), "Deviating StoredInTheClear Behaviour: " + secretsA + ", " + secretsB},
		"some of it in the clear":      {storing(encrypted(), control.Stored{Prefixes: map[string]int{"": 1, aesgcm: 1}}), "Deviating StoredInTheClear Behaviour: " + secretsB},
		"no config":                    {storing(encrypted(), none), "Deviating NoTransformer Behaviour: " + secretsB},
		"no config, managed":           {storing(none, none).managed(), "NotEvaluated NotTestable Behaviour"},
		"managed, one shows it":        {storing(encrypted(), none).managed(), "NotEvaluated NotTestable Behaviour"},
		"managed, attested":            {storing(none, none).managed().apiServer(attested(year)), "Conforming Attested Attestation"},
		"managed, attestation expired": {storing(none, none).managed().apiServer(attested(now)), "Deviating AttestationExpired Attestation: " + secretsA + ", " + secretsB},
		"no attestation outweighs it":  {storing(inTheClear(), encrypted()).managed().apiServer(attested(year)), "Deviating StoredInTheClear Behaviour: " + secretsA},
		"nor that it is one's own":     {storing(none, none).apiServer(attested(year)), "Deviating NoTransformer Behaviour: " + secretsA + ", " + secretsB},
		"an expired one is not needed": {storing(encrypted(), encrypted()).managed().apiServer(attested(now)), "Conforming StoredEncrypted Behaviour"},
		"whose it is cannot be seen":   {storing(none, none).managed().without(control.NeedAPIServerPods, control.ReasonForbidden), "NotEvaluated Inconclusive Behaviour"},
		"before 1.32, in the clear":    {storing(unlabelled(inTheClear()), unlabelled(encrypted())), "NotEvaluated Inconclusive Behaviour"},
		"before 1.32, encrypted":       {storing(unlabelled(encrypted()), unlabelled(encrypted())), "Conforming StoredEncrypted Behaviour"},
		"nothing counted":              {storing(control.Stored{}, encrypted()), "NotEvaluated Inconclusive Behaviour"},
		"an unknown prefix":            {storing(control.Stored{Prefixes: map[string]int{"k8s:x:": 1}}, encrypted()), "NotEvaluated Inconclusive Behaviour"},
		"out of date":                  {storing(encrypted(), encrypted()).stale(), "NotEvaluated Inconclusive Behaviour"},
		"out of date, attested":        {storing(encrypted(), encrypted()).managed().apiServer(attested(year)).stale(), "NotEvaluated Inconclusive Behaviour"},
		"in the clear, out of date":    {storing(inTheClear(), inTheClear()).stale(), "NotEvaluated Inconclusive Behaviour"},
		"not probed yet":               {newCluster().apiServer(plain), "NotEvaluated Inconclusive Behaviour"},
		"one not probed yet":           {newCluster().apiServer(plain).saw(endpointA, encrypted()), "NotEvaluated Inconclusive Behaviour"},
		"one bad, one not probed yet":  {newCluster().apiServer(plain).saw(endpointA, inTheClear()), "Deviating StoredInTheClear Behaviour: " + secretsA},
		"not permitted":                {newCluster().apiServer(plain).missed(endpointA, control.ReasonForbidden, "").saw(endpointB, encrypted()), "NotEvaluated Forbidden Behaviour"},
		"no metrics, attested":         {newCluster().managed().apiServer(attested(year)).missed(endpointA, control.ReasonForbidden, "").missed(endpointB, control.ReasonNotTestable, ""), "Conforming Attested Attestation"},
		"unreachable, attested":        {newCluster().managed().apiServer(attested(year)).missed(endpointA, control.ReasonInconclusive, "No route.").saw(endpointB, encrypted()), "NotEvaluated Inconclusive Behaviour"},
		"an observation of nothing":    {newCluster().apiServer(plain).observed(canaryOf(endpointA), control.Observation{}).saw(endpointB, encrypted()), "NotEvaluated Inconclusive Behaviour"},
		"endpoints unknown":            {newCluster().apiServer(plain).without(control.NeedEndpointSlices, control.ReasonForbidden), "NotEvaluated Forbidden Configuration"},
		"no endpoints":                 {unreachable(), "NotEvaluated Inconclusive Configuration"},
		"ConfigMaps too":               {storing(encrypted(), encrypted()).apiServer(v1alpha1.APIServerEncryption{Resources: []string{"secrets", "configmaps"}}), "NotEvaluated Inconclusive Behaviour"},
	} {
		t.Run(name, func(t *testing.T) {
			got := tc.cluster.finding(t, RuleStored)
			if diff := cmp.Diff(tc.want, brief(got)); diff != "" {
				t.Errorf("ER-06 (-want +got):\n%s\n%s", diff, got.Message)
			}
			if got.Message == "" || len(got.Message) > maxMessage || !strings.HasSuffix(got.Message, ".") {
				t.Errorf("message %q", got.Message)
			}
		})
	}
}

func unreachable() *cluster {
	c := newCluster().apiServer(v1alpha1.APIServerEncryption{})
	c.Snapshot.Lifelines.APIServer = nil
	return c
}

// TestForbiddenSaysWhatToGrant: in the probe's own words, where it has some.
func TestForbiddenSaysWhatToGrant(t *testing.T) {
	for message, want := range map[string]string{"": "probe.enabled", "Holdfast may not get /metrics: role x.": "role x."} {
		got := newCluster().apiServer(v1alpha1.APIServerEncryption{}).missed(endpointA, control.ReasonForbidden, message).saw(endpointB, encrypted()).finding(t, RuleStored)
		if !strings.Contains(got.Message, want) || !strings.Contains(got.Message, secretsA) || strings.Contains(got.Message, "..") {
			t.Errorf("message %q, want %q in it", got.Message, want)
		}
	}
}

// TestManyForbidden: however many API servers there are, what to grant is said.
func TestManyForbidden(t *testing.T) {
	c := newCluster().apiServer(v1alpha1.APIServerEncryption{})
	c.Snapshot.Lifelines.APIServer = nil
	message := strings.Repeat("Holdfast may not get /metrics; ", 5) + "set the chart's value probe.enabled=true"
	for i := range 40 {
		c.Snapshot.Lifelines.APIServer = append(c.Snapshot.Lifelines.APIServer, control.Endpoint{Address: fmt.Sprintf("10.0.1.%d", i), Port: control.Port{Port: 6443}})
		c.missed(fmt.Sprintf("10.0.1.%d:6443", i), control.ReasonForbidden, message+".")
	}
	if got := c.finding(t, RuleStored); got.Message != "Not decided for 40 API servers and resources: "+message+"." {
		t.Errorf("message %q", got.Message)
	}
}

func TestResidueAndKeys(t *testing.T) {
	left := with(func(s *control.Stored) { s.ReadInTheClear = 3 })
	aged := func(most time.Duration) v1alpha1.APIServerEncryption {
		return v1alpha1.APIServerEncryption{MaximumKeyAge: &metav1.Duration{Duration: most}}
	}
	age := now.Sub(encrypted().FirstSeen)
	year := now.AddDate(1, 0, 0)
	forbidding := v1alpha1.APIServerEncryption{PlaintextResidue: v1alpha1.JudgementForbid}
	for name, tc := range map[string]struct {
		cluster *cluster
		rule    string
		want    string
	}{
		"nothing left":               {storing(encrypted(), encrypted()), RuleResidue, "Conforming NoResidue Behaviour"},
		"something left":             {storing(encrypted(), left), RuleResidue, "Conforming Recorded Behaviour"},
		"something left, forbidden":  {storing(encrypted(), left).apiServer(forbidding), RuleResidue, "Deviating PlaintextResidue Behaviour: " + secretsB},
		"nothing left, forbidden":    {storing(encrypted(), encrypted()).apiServer(forbidding), RuleResidue, "Conforming NoResidue Behaviour"},
		"left of whatever":           {storing(encrypted(), unlabelled(left)), RuleResidue, "NotEvaluated Inconclusive Behaviour"},
		"nothing encrypts":           {storing(inTheClear(), inTheClear()), RuleResidue, "NotApplicable NotEncrypted Configuration"},
		"one does not":               {storing(encrypted(), inTheClear()), RuleResidue, "Conforming NoResidue Behaviour"},
		"managed, attested":          {storing(control.Stored{NoTransformer: true}, encrypted()).managed().apiServer(v1alpha1.APIServerEncryption{Attestation: servedBy(year)}), RuleResidue, "Conforming Attested Attestation"},
		"out of date":                {storing(encrypted(), encrypted()).stale(), RuleResidue, "NotEvaluated Inconclusive Behaviour"},
		"any provider":               {storing(encrypted(), encrypted()), RuleKey, "Conforming KeyAccepted Behaviour"},
		"a provider that is allowed": {storing(encrypted(), encrypted()).apiServer(v1alpha1.APIServerEncryption{Providers: []string{"aesgcm", "kms"}}), RuleKey, "Conforming KeyAccepted Behaviour"},
		"one that is not": {storing(encrypted(), control.Stored{Prefixes: map[string]int{kms: 1}}).apiServer(v1alpha1.APIServerEncryption{Providers: []string{"aesgcm"}}), RuleKey,
			"Deviating ProviderNotAllowed Behaviour: " + secretsB},
		"a young key":         {storing(encrypted(), encrypted()).apiServer(aged(age + time.Hour)), RuleKey, "Conforming KeyAccepted Behaviour"},
		"a key of that age":   {storing(encrypted(), encrypted()).apiServer(aged(age)), RuleKey, "Deviating KeyTooOld Behaviour: " + secretsA + ", " + secretsB},
		"a key of no age":     {storing(with(func(s *control.Stored) { s.FirstSeen = time.Time{} }), encrypted()).apiServer(aged(age + time.Hour)), RuleKey, "NotEvaluated Inconclusive Behaviour"},
		"no key":              {storing(inTheClear(), inTheClear()).apiServer(aged(age)), RuleKey, "NotApplicable NotEncrypted Configuration"},
		"key, out of date":    {storing(encrypted(), encrypted()).apiServer(aged(age)).stale(), RuleKey, "NotEvaluated Inconclusive Behaviour"},
		"flags":               {storing(encrypted(), encrypted()), RuleConfig, "Conforming Configured Configuration"},
		"a flag is absent":    {storing(encrypted(), encrypted()).withoutFlag(1), RuleConfig, "Deviating ConfigAbsent Configuration: API server of node b"},
		"flags cannot be":     {storing(encrypted(), encrypted()).managed(), RuleConfig, "NotApplicable NotVisible Configuration"},
		"pods are not seen":   {storing(encrypted(), encrypted()).without(control.NeedAPIServerPods, control.ReasonForbidden), RuleConfig, "NotEvaluated Forbidden Configuration"},
		"endpoints not seen":  {newCluster().apiServer(forbidding).without(control.NeedEndpointSlices, control.ReasonForbidden), RuleKey, "NotEvaluated Forbidden Configuration"},
		"endpoints not seen2": {newCluster().apiServer(forbidding).without(control.NeedEndpointSlices, control.ReasonForbidden), RuleResidue, "NotEvaluated Forbidden Configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			got := tc.cluster.finding(t, tc.rule)
			if diff := cmp.Diff(tc.want, brief(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s\n%s", tc.rule, diff, got.Message)
			}
		})
	}
}

func (c *cluster) withoutFlag(pod int) *cluster {
	c.Snapshot.APIServerPods[pod].Flags = nil
	return c
}

// TestUntil: the engine looks again when a verdict may turn by time alone.
func TestUntil(t *testing.T) {
	most := v1alpha1.APIServerEncryption{MaximumKeyAge: &metav1.Duration{Duration: 24 * time.Hour * 365}}
	young := with(func(s *control.Stored) { s.FirstSeen = now.Add(time.Minute - most.MaximumKeyAge.Duration) })
	got := map[string]time.Time{
		"what was seen":  storing(encrypted(), encrypted()).finding(t, RuleStored).Until,
		"key":            storing(encrypted(), young).apiServer(most).finding(t, RuleKey).Until,
		"attestation":    storing(control.Stored{NoTransformer: true}, encrypted()).managed().apiServer(v1alpha1.APIServerEncryption{Attestation: servedBy(now.Add(time.Hour))}).finding(t, RuleResidue).Until,
		"sooner expired": storing(control.Stored{NoTransformer: true}, encrypted()).managed().apiServer(v1alpha1.APIServerEncryption{Attestation: servedBy(now.Add(time.Second))}).finding(t, RuleStored).Until,
	}
	want := map[string]time.Time{"what was seen": now.Add(29 * time.Minute), "key": now.Add(time.Minute),
		"attestation": now.Add(29 * time.Minute), "sooner expired": now.Add(time.Second)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Until (-want +got):\n%s", diff)
	}
}

// TestStoredNames names what an auditor asks for: prefix, key, and the residue.
func TestStoredNames(t *testing.T) {
	got := storing(with(func(s *control.Stored) { s.ReadInTheClear, s.ConfigHash = 2, "sha256:c0" }), control.Stored{Prefixes: map[string]int{kms: 1}, KeyIDs: []string{"sha256:k1"}}).finding(t, RuleStored)
	want := map[string]string{"seen": secretsA + ": " + aesgcm + " key key2 config sha256:c0 others read in the clear; " + secretsB + ": " + kms + " key id sha256:k1"}
	if diff := cmp.Diff(want, got.Facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}
