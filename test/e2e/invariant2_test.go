package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

		witness := s.watchWrites(names[0])
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

// watchWrites has the API server tell of each write of the scene's operator.
func (s *scene) watchWrites(namespace string) *witness {
	GinkgoHelper()
	w := &witness{volume: s.op.LedgerDir}
	ids, err := os.ReadDir(filepath.Join(s.op.LedgerDir, "ledgers"))
	Expect(err).NotTo(HaveOccurred())
	Expect(ids).To(HaveLen(1))
	w.ledger = ids[0].Name()
	s.askAbout(namespace, w.look, writesOf("networking.k8s.io", "networkpolicies"), writesOf("holdfast.dev", "controlpolicies/status"))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes, w.found = 0, nil
	return w
}

// look takes note of a write that comes before its episode is in the journal.
func (w *witness) look(request *admissionv1.AdmissionRequest) {
	early, err := w.missing(request)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	if err != nil {
		w.found = append(w.found, err.Error())
	}
	w.found = append(w.found, early...)
}

// missing are the episodes that a write speaks of, and the journal does not.
func (w *witness) missing(request *admissionv1.AdmissionRequest) ([]string, error) {
	known, err := w.known()
	if err != nil {
		return nil, err
	}
	if request.Resource.Resource == "networkpolicies" {
		if !known["Namespace "+request.Namespace].open {
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
		// It may have ended while its status was under way.
		if !slices.Contains(known[episode.Subject].began, episode.Since.Unix()) {
			missing = append(missing, "a status about "+episode.Subject)
		}
	}
	return missing, nil
}

// deviations are what the volume has of a subject: the second in which each of its
// episodes began, and whether the newest state is Deviating.
type deviations struct {
	began []int64
	open  bool
}

// known are the deviations of the subjects on the volume. The journal has what the
// log does not have yet.
func (w *witness) known() (map[string]deviations, error) {
	known := map[string]deviations{}
	take := func(entry *ledger.Entry) {
		if entry.Kind != ledger.KindOutcomeChanged {
			return
		}
		of := known[entry.Subject.String()]
		if of.open = entry.To.Outcome == control.Deviating; of.open {
			of.began = append(of.began, entry.ObservedAt.Unix())
		}
		known[entry.Subject.String()] = of
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
	return known, err
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
