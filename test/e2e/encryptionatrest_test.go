package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

const (
	atRest       = "ENC-1"
	defaultClass = "storageclass.kubernetes.io/is-default-class"
	madeBy       = "pv.kubernetes.io/provisioned-by"
	ebs          = "ebs.csi.aws.com"
)

var _ = Describe("Encryption at rest", func() {
	It("makes the stated class, marks it as the default, and gives the mark back", func() {
		s := preparePublished("defaults", harness.OperatorOptions{})
		s.op.Start(s.tb)
		s.storageClass("defaults-plain", "", true)
		DeferCleanup(func(ctx context.Context) { s.rest(); s.removeClass(ctx, "defaults-vault") })
		s.Apply(s.tb, s.atRest(v1alpha1.VolumeEncryption{DefaultClass: "defaults-vault", ClassTemplate: &v1alpha1.StorageClassTemplate{
			Name: "defaults-vault", Provisioner: ebs, Parameters: map[string]v1alpha1.ParameterValue{"encrypted": "true"},
		}}).Enforce())
		s.awaitDefault("defaults-vault", "defaults-plain")
		s.awaitSettled("ER-02")
		Expect(s.class("defaults-vault").Parameters).To(Equal(map[string]string{"encrypted": "true"}))
		taken := s.evidence().Kind(ledger.KindRepaired).Where(func(e *ledger.Entry) bool {
			return e.Object.Name == "defaults-plain" && len(e.Object.Taken) > 0
		})
		Expect(taken.Want(1)).To(Succeed(), "what the mark was before is recorded")

		s.mark("defaults-vault", "false")
		s.awaitDefault("defaults-vault", "defaults-plain")
		// An episode ends only once the mark is seen again.
		s.awaitAtRest("the cluster", 1, ledger.OriginDrift, ledger.EndingRepaired)
		s.mark("defaults-plain", "true")
		s.awaitDefault("defaults-vault", "defaults-plain")
		s.awaitAtRest("the cluster", 2, ledger.OriginDrift, ledger.EndingRepaired)
		Expect(s.class("defaults-plain").Parameters).To(BeEmpty(), "nothing but the mark is touched")

		s.removeClass(context.Background(), "defaults-vault")
		s.awaitDefault("defaults-vault", "defaults-plain")
	})

	It("applies guards, proves that they refuse, gives them back, and removes what is not stated any more", func() {
		s := preparePublished("guards", harness.OperatorOptions{})
		DeferCleanup(s.removeGuards)
		s.namespace("web")
		s.op.Start(s.tb)
		s.storageClass("guards-vault", "true", true)
		s.storageClass("guards-plain", "", false)
		volumes := v1alpha1.VolumeEncryption{Guard: &v1alpha1.VolumeGuard{Rollout: v1alpha1.GuardDeny}}
		s.Apply(s.tb, s.atRest(volumes).Enforce())
		s.awaitGuarded()

		claims := "holdfast-guard-storage-claims-" + s.name
		Expect(s.claim("guards-web", "guards-plain")).To(MatchError(ContainSubstring(claims)))
		Expect(s.claim("guards-web", "guards-vault")).To(Succeed())

		binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: claims}}
		s.edit(binding, func() {
			binding.Spec.ValidationActions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn}
		})
		s.eventually("the binding refuses again", func() error {
			if err := s.Get(context.Background(), client.ObjectKeyFromObject(binding), binding); err != nil {
				return err
			}
			if got := binding.Spec.ValidationActions; !slices.Equal(got, []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny, admissionregistrationv1.Audit}) {
				return fmt.Errorf("its actions are %v", got)
			}
			return nil
		})
		// An episode ends only once the guard is seen to refuse again.
		s.awaitAtRest("the cluster", 1, ledger.OriginDrift, ledger.EndingRepaired)
		policy := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: claims}}
		s.edit(policy, func() {
			policy.Spec.MatchConditions = append(policy.Spec.MatchConditions, admissionregistrationv1.MatchCondition{Name: "never", Expression: "false"})
		})
		s.eventually("the policy has its own conditions again", func() error {
			if err := s.Get(context.Background(), client.ObjectKeyFromObject(policy), policy); err != nil {
				return err
			}
			if n := len(policy.Spec.MatchConditions); n != 1 {
				return fmt.Errorf("it has %d", n)
			}
			return nil
		})
		s.awaitAtRest("the cluster", 2, ledger.OriginDrift, ledger.EndingRepaired)
		Expect(s.Delete(context.Background(), binding)).To(Succeed())
		s.awaitAtRest("the cluster", 3, ledger.OriginDrift, ledger.EndingRepaired)
		Expect(s.atRestEpisodes("the cluster").From(ledger.OriginDrift).Want(3)).To(Succeed())
		Expect(s.claim("guards-web", "guards-plain")).To(MatchError(ContainSubstring(claims)))

		volumes.Guard.StaticVolumes = "Allow"
		s.Apply(s.tb, s.atRest(volumes).Enforce())
		s.eventually("volumes that were made by hand are not guarded", func() error {
			static := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "holdfast-guard-static-volumes-" + s.name}}
			if err := s.Get(context.Background(), client.ObjectKeyFromObject(static), static); err == nil {
				return errors.New("the binding is there")
			}
			return nil
		})
		s.awaitGuarded()
		Expect(s.atRestEpisodes("the cluster").Open().Want(0)).To(Succeed())

		edits := len(s.atRestEpisodes("the cluster").From(ledger.OriginDefinitionChanged))
		volumes.Guard = nil
		s.Apply(s.tb, s.atRest(volumes).Enforce())
		s.eventually("nothing guards", func() error { return s.claim("guards-web", "guards-plain") })
		s.awaitAtRest("the cluster", edits+1, ledger.OriginDefinitionChanged, ledger.EndingRepaired)
		s.eventually("nothing is left of the guard", func() error {
			var policies admissionregistrationv1.ValidatingAdmissionPolicyList
			if err := s.List(context.Background(), &policies); err != nil {
				return err
			}
			for i := range policies.Items {
				if name := policies.Items[i].Name; strings.HasSuffix(name, "-"+s.name) {
					return fmt.Errorf("%s is there", name)
				}
			}
			return nil
		})
	})

	It("judges volumes that come, whose class is made anew, and whose attestation expires", func() {
		s := preparePublished("volumes", harness.OperatorOptions{})
		namespace := s.namespace("web")
		s.op.Start(s.tb)
		s.storageClass("volumes-vault", "true", false)
		s.storageClass("volumes-plain", "", false)
		s.Apply(s.tb, s.atRest(v1alpha1.VolumeEncryption{}))
		s.eventually("the control is introduced", func() error {
			return s.evidence().Kind(ledger.KindControlIntroduced).Where(func(e *ledger.Entry) bool { return e.Control == atRest }).Want(1)
		})

		s.volume("volumes-a", namespace, "volumes-plain", "vol-a")
		s.awaitAtRest("volumes-a", 1, ledger.OriginNewSubject, "")
		s.volume("volumes-b", namespace, "volumes-vault", "vol-b")
		s.eventually("an encrypted volume conforms", func() error { return s.state("volumes-b", control.Conforming) })
		Expect(s.atRestEpisodes("volumes-b").Want(0)).To(Succeed())

		s.removeClass(context.Background(), "volumes-vault")
		s.awaitAtRest("volumes-b", 1, ledger.OriginDrift, "")
		// Creation times are of seconds: the class that follows is younger than the volume.
		s.eventually("the clock is a second on", func() error { return s.olderThan("volumes-b", time.Second) })
		s.storageClass("volumes-vault", "true", false)
		s.eventually("the class is judged", func() error { return s.state("volumes-vault", control.Conforming) })
		Expect(s.state("volumes-b", control.Deviating)).To(Succeed(), "a class that was made anew says nothing of an older volume")

		until := metav1.NewTime(time.Now().Add(15 * time.Second).Truncate(time.Second))
		s.Apply(s.tb, s.atRest(v1alpha1.VolumeEncryption{Attestations: []v1alpha1.VolumeAttestation{{
			VolumeHandles: []string{"vol-b"}, Level: v1alpha1.EncryptionProviderManaged,
			Attestation: v1alpha1.Attestation{Ref: "DOC-1", SHA256: strings.Repeat("0f", 32), Signer: "ciso", ValidUntil: until},
		}}}))
		s.eventually("the attested volume conforms", func() error { return s.state("volumes-b", control.Conforming) })
		s.awaitAtRest("volumes-b", 1, ledger.OriginAttestationExpired, "")
		expired := s.atRestEpisodes("volumes-b").From(ledger.OriginAttestationExpired)[0]
		Expect(expired.Opened.ObservedAt.Time).To(BeTemporally(">=", until.Time))
	})
})

// atRest begins a policy of the scene with a control over volumes, beside the one
// over namespaces.
func (s *scene) atRest(v v1alpha1.VolumeEncryption) *harness.PolicyBuilder {
	return s.policy("").IncludeCluster().Controls(v1alpha1.ControlSpec{ID: atRest, EncryptionAtRest: &v1alpha1.EncryptionAtRest{Volumes: &v}})
}

// storageClass makes a class of EBS.
func (s *scene) storageClass(name, encrypted string, isDefault bool) {
	GinkgoHelper()
	c := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: ebs}
	if encrypted != "" {
		c.Parameters = map[string]string{"encrypted": encrypted}
	}
	if isDefault {
		c.Annotations = map[string]string{defaultClass: "true"}
	}
	Expect(s.Create(context.Background(), c)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { s.removeClass(ctx, name) })
}

func (s *scene) class(name string) *storagev1.StorageClass {
	GinkgoHelper()
	c := &storagev1.StorageClass{}
	Expect(s.Get(context.Background(), client.ObjectKey{Name: name}, c)).To(Succeed())
	return c
}

func (s *scene) removeClass(ctx context.Context, name string) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(s.Delete(ctx, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}}))).To(Succeed())
}

// mark sets whether a class is the default, as anybody may who edits classes.
func (s *scene) mark(name, value string) {
	GinkgoHelper()
	c := s.class(name)
	s.edit(c, func() { c.Annotations[defaultClass] = value })
}

// edit changes an object as it is now.
func (s *scene) edit(object client.Object, change func()) {
	GinkgoHelper()
	s.eventually("it is edited", func() error {
		if err := s.Get(context.Background(), client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		change()
		return s.Update(context.Background(), object)
	})
}

// awaitDefault waits until the one class is the default, and the other is not.
func (s *scene) awaitDefault(name, other string) {
	GinkgoHelper()
	s.eventually(name+" is the default class, and "+other+" is not", func() error {
		for class, want := range map[string]string{name: "true", other: "false"} {
			c := &storagev1.StorageClass{}
			if err := s.Get(context.Background(), client.ObjectKey{Name: class}, c); err != nil {
				return err
			}
			if got := c.Annotations[defaultClass]; got != want {
				return fmt.Errorf("%s is marked %q", class, got)
			}
		}
		return nil
	})
}

// claim makes a claim in a dry run.
func (s *scene) claim(namespace, class string) error {
	return s.Create(context.Background(), claimOf(namespace, "try", class), client.DryRunAll)
}

func claimOf(namespace, name, class string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
}

// volume makes a volume with its claim, as a provisioner does.
func (s *scene) volume(name, namespace, class, handle string) {
	GinkgoHelper()
	claim := claimOf(namespace, name, class)
	Expect(s.Create(context.Background(), claim)).To(Succeed())
	pv := volumeOf(name, claim, handle)
	Expect(s.Create(context.Background(), pv)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { Expect(client.IgnoreNotFound(s.Delete(ctx, pv))).To(Succeed()) })
}

// volumeOf is a volume of a claim that exists.
func volumeOf(name string, claim *corev1.PersistentVolumeClaim, handle string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{madeBy: ebs}}, Spec: corev1.PersistentVolumeSpec{
		StorageClassName: *claim.Spec.StorageClassName, AccessModes: claim.Spec.AccessModes, Capacity: claim.Spec.Resources.Requests,
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		ClaimRef:                      &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
		PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: ebs, VolumeHandle: handle}},
	}}
}

// olderThan returns nil once a volume is.
func (s *scene) olderThan(name string, age time.Duration) error {
	pv := &corev1.PersistentVolume{}
	if err := s.Get(context.Background(), client.ObjectKey{Name: name}, pv); err != nil {
		return err
	}
	if since := time.Since(pv.CreationTimestamp.Time); since <= age {
		return fmt.Errorf("it is %s old", since)
	}
	return nil
}

// atRestEpisodes are those of the control over volumes on a subject; "the cluster"
// is the cluster itself.
func (s *scene) atRestEpisodes(subject string) harness.Episodes {
	return s.episodes().Where(func(e *harness.Episode) bool { return e.Control == atRest && isSubject(e.Subject, subject) })
}

func isSubject(subject control.Subject, name string) bool {
	return subject.Name == name || name == "the cluster" && subject.Kind == control.ClusterKind
}

func (s *scene) awaitAtRest(subject string, n int, origin ledger.Origin, ending ledger.Ending) {
	GinkgoHelper()
	s.eventually(fmt.Sprintf("%d episodes of %s of origin %s end as %q", n, subject, origin, ending), func() error {
		all := s.atRestEpisodes(subject)
		if got := all.From(origin).Ended(ending); len(got) != n {
			return fmt.Errorf("%d of all these:\n%s", len(got), all)
		}
		return nil
	})
}

// newest is the last state of a subject under the control over volumes.
func (s *scene) newest(subject string) *control.State {
	states := s.evidence().Kind(ledger.KindOutcomeChanged).Where(func(e *ledger.Entry) bool { return e.Control == atRest && isSubject(*e.Subject, subject) })
	if len(states) == 0 {
		return nil
	}
	return states[len(states)-1].To
}

// state returns nil if that is the outcome of a subject now.
func (s *scene) state(subject string, want control.Outcome) error {
	if newest := s.newest(subject); newest == nil || newest.Outcome != want {
		return fmt.Errorf("%s is %+v", subject, newest)
	}
	return nil
}

// awaitSettled waits until a rule does not decide the cluster's state.
func (s *scene) awaitSettled(rule string) {
	GinkgoHelper()
	s.eventually("the cluster conforms to "+rule, func() error {
		newest := s.newest("the cluster")
		if newest == nil {
			return errors.New("it is not judged")
		}
		for _, r := range newest.Rules {
			if r.Rule == rule {
				return fmt.Errorf("%s %s %v", r.Rule, r.Reason, r.Culprits)
			}
		}
		return nil
	})
}

// awaitGuarded waits until the cluster conforms by behaviour: its guards are as
// stated, and were seen to refuse.
func (s *scene) awaitGuarded() {
	GinkgoHelper()
	s.eventually("the guards are seen to refuse", func() error {
		newest := s.newest("the cluster")
		if newest == nil || newest.Outcome != control.Conforming {
			return fmt.Errorf("the cluster is %+v", newest)
		}
		return nil
	})
	tried := s.op.Evidence(s.tb).Kind(ledger.KindProbed).Where(func(e *ledger.Entry) bool { return e.Probe.Of == control.ProbeGuard && e.Probe.Unseen == 0 })
	Expect(tried).NotTo(BeEmpty())
}
