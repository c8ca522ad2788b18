package e2e

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 2: Nothing about a subject is repaired or announced before it is durable", func() {
	It("has each episode in the journal before its repair and its status reach the API server", func() {
		// A journal that takes its time: whoever does not wait for it is found out.
		binary := harness.Build(newTB(), harness.BuildOptions{Patches: []harness.Patch{{
			File: "internal/ledger/journal/writer.go",
			Old:  "	frame := w.encode(group)\n",
			New:  "	frame := w.encode(group)\n	<-time.After(60 * time.Millisecond)\n",
		}, {
			File: "internal/ledger/journal/writer.go",
			Old:  "import (\n",
			New:  "import (\n	\"time\"\n",
		}}})
		s := onOwn("durable", harness.OperatorOptions{Binary: binary})
		names := s.protected(3)

		witness := s.watchWrites()
		s.drift(names...)
		s.AwaitDenied(s.tb, names...)
		s.awaitEpisodes(3, ledger.OriginDrift, ledger.EndingRepaired)
		Expect(witness.seen()).To(BeNumerically(">=", 3))
		Expect(witness.early()).To(BeEmpty())

		s.Apply(s.tb, s.policy(""))
		s.drift(names...)
		s.eventually("the open episodes are announced", func() error {
			if n := s.GetPolicy(s.tb, s.name).Status.OpenEpisodes.Total; n != 3 {
				return fmt.Errorf("%d are", n)
			}
			return nil
		})
		Expect(witness.early()).To(BeEmpty())
	})

	It("repairs while the ledger cannot be written, claims nothing after 30 seconds, and records all of it in the end", func() {
		s := prepareOwn("unwritable", harness.OperatorOptions{})
		Expect(os.WriteFile(s.op.LedgerDir, []byte("in the way\n"), 0o600)).To(Succeed())
		names := s.namespaces(3)
		s.Apply(s.tb, s.policy("").Enforce())
		s.op.Start(s.tb)

		s.AwaitDenied(s.tb, names...)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionFalse, v1alpha1.ReasonLedgerUnavailable)
		for range 2 {
			s.drift(names...)
			s.AwaitDenied(s.tb, names...)
		}
		Expect(s.op.Metric(s.tb, "holdfast_ledger_unwritten_entries")).To(BeNumerically(">=", 18))
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionUnknown, v1alpha1.ReasonEvidenceUnavailable)

		Expect(os.Remove(s.op.LedgerDir)).To(Succeed())
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonRecorded)
		s.AwaitConforming(s.tb, s.name)
		s.eventually("each episode is in the ledger", func() error {
			return errors.Join(s.episodes().Want(9), s.episodes().From(ledger.OriginDrift).Ended(ledger.EndingRepaired).Want(6))
		})
		Expect(s.episodes().Repairs()).To(Equal(9))
		Expect(s.op.Evidence(s.tb).Kind(ledger.KindEvidenceLost)).To(BeEmpty())
	})

	It("repairs while the volume is gone from under it, and records each episode once in the end", func() {
		s := onOwn("vanishing", harness.OperatorOptions{})
		names := s.protected(3)
		aside := s.op.LedgerDir + ".aside"
		Expect(os.Rename(s.op.LedgerDir, aside)).To(Succeed())
		Expect(os.WriteFile(s.op.LedgerDir, []byte("in the way\n"), 0o600)).To(Succeed())

		s.drift(names...)
		s.AwaitDenied(s.tb, names...)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionFalse, v1alpha1.ReasonLedgerUnavailable)
		s.drift(names...)
		s.AwaitDenied(s.tb, names...)

		Expect(os.Remove(s.op.LedgerDir)).To(Succeed())
		Expect(os.Rename(aside, s.op.LedgerDir)).To(Succeed())
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonRecorded)
		s.eventually("each episode is in the ledger, once", func() error {
			return s.episodes().From(ledger.OriginDrift).Ended(ledger.EndingRepaired).Want(6)
		})
		Expect(s.episodes().From(ledger.OriginDrift).Want(6)).To(Succeed())
		Expect(s.op.Evidence(s.tb).Kind(ledger.KindEvidenceLost)).To(BeEmpty())
		Expect(s.op.Evidence(s.tb).Gaps(ledger.CauseNotRunning)).To(BeEmpty(), "the operator went on observing")
	})

	It("repairs while another process holds the ledger, and records all of it in the end", func() {
		s := prepareOwn("locked", harness.OperatorOptions{})
		Expect(os.MkdirAll(s.op.LedgerDir, 0o700)).To(Succeed())
		lock, err := volume.Lock(filepath.Join(s.op.LedgerDir, "LOCK"))
		Expect(err).NotTo(HaveOccurred())
		names := s.namespaces(2)
		s.Apply(s.tb, s.policy("").Enforce())
		s.op.Start(s.tb)

		s.AwaitDenied(s.tb, names...)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionFalse, v1alpha1.ReasonLedgerInUse)
		Expect(s.op.Metric(s.tb, "holdfast_ledger_available")).To(BeZero())
		Expect(s.op.Evidence(s.tb)).To(BeEmpty(), "nothing is written beside the other process")

		Expect(lock.Close()).To(Succeed())
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonRecorded)
		s.eventually("each episode is in the ledger", func() error { return s.episodes().Ended(ledger.EndingRepaired).Want(2) })
	})
})

// witness looks into the journal when a write of the operator reaches the API
// server, before it takes effect.
type witness struct {
	volume string
	ledger string

	mu     sync.Mutex
	writes int
	found  []string
}

// watchWrites has the API server ask about each write of the scene's operator.
func (s *scene) watchWrites() *witness {
	w := &witness{volume: s.op.LedgerDir}
	ids, err := os.ReadDir(filepath.Join(s.op.LedgerDir, "ledgers"))
	Expect(err).NotTo(HaveOccurred())
	Expect(ids).To(HaveLen(1))
	w.ledger = ids[0].Name()
	server := httptest.NewTLSServer(http.HandlerFunc(w.serve))
	DeferCleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	rule := func(group, resource string) admissionregistrationv1.RuleWithOperations {
		return admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: []string{resource}},
		}
	}
	hook := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:         "witness.e2e.holdfast.dev",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: new(server.URL + "/"), CABundle: ca},
			Rules:        []admissionregistrationv1.RuleWithOperations{rule("networking.k8s.io", "networkpolicies"), rule("holdfast.dev", "controlpolicies/status")},
			MatchConditions: []admissionregistrationv1.MatchCondition{{
				Name: "operator", Expression: fmt.Sprintf("request.userInfo.username == %q", s.op.User)}},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
	Expect(s.Create(context.Background(), hook)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { Expect(client.IgnoreNotFound(s.Delete(ctx, hook))).To(Succeed()) })
	// The webhook is in force once the operator's own dry run would be asked about.
	s.eventually("the API server asks about the operator's writes", func() error {
		cfg, err := s.RESTConfigForUser(s.op.User)
		if err != nil {
			return err
		}
		user, err := client.New(cfg, client.Options{Scheme: harness.Scheme()})
		if err != nil {
			return err
		}
		err = user.Create(context.Background(), deny("default"), client.DryRunAll)
		if err == nil && w.seen() == 0 {
			return errors.New("it did not ask yet")
		}
		return err
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes, w.found = 0, nil
	return w
}

// serve admits every write, and takes note of those that came before their
// episode was in the journal.
func (w *witness) serve(response http.ResponseWriter, request *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(request.Body).Decode(&review); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	early, err := w.missing(review.Request)
	w.mu.Lock()
	w.writes++
	if err != nil {
		w.found = append(w.found, err.Error())
	}
	w.found = append(w.found, early...)
	w.mu.Unlock()
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if err := json.NewEncoder(response).Encode(review); err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
	}
}

// missing are the episodes that a write speaks of, and the journal does not.
func (w *witness) missing(request *admissionv1.AdmissionRequest) ([]string, error) {
	open, err := w.open()
	if err != nil {
		return nil, err
	}
	if request.Resource.Resource == "networkpolicies" {
		if !open["Namespace "+request.Namespace] {
			return []string{"a repair in " + request.Namespace}, nil
		}
		return nil, nil
	}
	var policy v1alpha1.ControlPolicy
	if err := json.Unmarshal(request.Object.Raw, &policy); err != nil {
		return nil, err
	}
	var missing []string
	for _, episode := range policy.Status.OpenEpisodes.Longest {
		if !open[episode.Subject] {
			missing = append(missing, "a status about "+episode.Subject)
		}
	}
	return missing, nil
}

// open are the subjects whose newest state on the volume is Deviating. The
// journal has what the log does not have yet.
func (w *witness) open() (map[string]bool, error) {
	open := map[string]bool{}
	take := func(entry *ledger.Entry) {
		if entry.Kind == ledger.KindOutcomeChanged {
			open[entry.Subject.String()] = entry.To.Outcome == control.Deviating
		}
	}
	evidence, err := harness.ReadEvidence(context.Background(), w.volume)
	for _, entry := range evidence {
		take(entry)
	}
	if err != nil {
		return nil, err
	}
	_, err = journal.Scan(filepath.Join(w.volume, "ledgers", w.ledger, "journal"), w.ledger, func(_ string, f *journal.Frame) error {
		for _, r := range f.Records {
			if r.IsObject() {
				continue
			}
			entry, err := ledger.Decode(r.Data)
			if err != nil {
				return err
			}
			take(entry)
		}
		return nil
	})
	return open, err
}

func (w *witness) seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes
}

func (w *witness) early() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.found
}
