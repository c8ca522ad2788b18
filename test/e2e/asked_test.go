package e2e

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/test/harness"
)

// slowly has the API server take so long for each NetworkPolicy that the scene's
// operator writes, one after another.
func (s *scene) slowly(namespace string, each time.Duration) {
	GinkgoHelper()
	var turn sync.Mutex
	s.askAbout(namespace, func(*admissionv1.AdmissionRequest) {
		turn.Lock()
		defer turn.Unlock()
		<-time.After(each)
	}, writesOf("networking.k8s.io", "networkpolicies"))
}

// writesOf are all writes of a resource.
func writesOf(group, resource string) admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: []string{resource}},
	}
}

// askAbout has the API server tell of each such write of the scene's operator,
// NetworkPolicies among them, before it takes effect: it admits them all, once told has
// returned. Until it does so, one is tried in a namespace of the scene.
func (s *scene) askAbout(namespace string, told func(*admissionv1.AdmissionRequest), writes ...admissionregistrationv1.RuleWithOperations) {
	GinkgoHelper()
	var asked atomic.Bool
	server := httptest.NewTLSServer(admitted(func(request *admissionv1.AdmissionRequest) {
		asked.Store(true)
		told(request)
	}))
	DeferCleanup(server.Close)
	hook := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "asked.e2e.holdfast.dev",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: new(server.URL + "/"),
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})},
			Rules: writes,
			// No other scene is concerned, also while the API server goes by what was.
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{label: s.name}},
			MatchConditions: []admissionregistrationv1.MatchCondition{{
				Name: "operator", Expression: fmt.Sprintf("request.userInfo.username == %q", s.op.User)}},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
	s.make(hook)
	cfg, err := s.RESTConfigForUser(s.op.User)
	Expect(err).NotTo(HaveOccurred())
	user, err := client.New(cfg, client.Options{Scheme: harness.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	s.eventually("the API server asks about the operator's writes", func() error {
		err := user.Create(context.Background(), denyAll(namespace), client.DryRunAll)
		if err == nil && !asked.Load() {
			return errors.New("it did not ask yet")
		}
		return err
	})
}

// admitted admits every write that it is asked about, once told of it.
func admitted(told func(*admissionv1.AdmissionRequest)) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(request.Body).Decode(&review); err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		told(review.Request)
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		if err := json.NewEncoder(response).Encode(review); err != nil {
			http.Error(response, err.Error(), http.StatusInternalServerError)
		}
	}
}
