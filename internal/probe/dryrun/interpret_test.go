package dryrun

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe/apiserver"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// refusal is an answer that refuses.
func refusal(code int, reason metav1.StatusReason, message string, causes ...string) apiserver.Answer {
	status := &metav1.Status{Reason: reason, Message: message, Details: &metav1.StatusDetails{}}
	for _, cause := range causes {
		status.Details.Causes = append(status.Details.Causes, metav1.StatusCause{Message: cause})
	}
	return apiserver.Answer{Code: code, Status: status}
}

// TestInterpret has answers that take webhooks, quotas and API servers that fail;
// those of real guards are in test/probe.
func TestInterpret(t *testing.T) {
	const denial = `ValidatingAdmissionPolicy 'holdfast-guard-b' with binding 'holdfast-guard-b' denied request: no`
	tests := map[string]struct {
		answer      apiserver.Answer
		want        *control.Refused
		wantReason  string
		wantMessage string
	}{
		"let through":            {answer: apiserver.Answer{Code: http.StatusCreated}, want: &control.Refused{}},
		"one of the name exists": {answer: refusal(409, metav1.StatusReasonAlreadyExists, "already exists"), want: &control.Refused{}},
		"warned by two, and by something else": {
			answer: apiserver.Answer{Code: http.StatusCreated, Warnings: []string{
				"unknown field \"spec.x\"",
				"Validation failed for ValidatingAdmissionPolicy 'b' with binding 'b': no",
				"Validation failed for ValidatingAdmissionPolicy 'a' with binding 'c': no",
				"Validation failed for ValidatingAdmissionPolicy 'a' with binding 'd': no",
			}},
			want: &control.Refused{Warned: []string{"a", "b"}},
		},
		"denied": {answer: refusal(422, metav1.StatusReasonInvalid, "ingresses \"x\" is forbidden: "+denial, denial), want: &control.Refused{Denied: []string{"holdfast-guard-b"}}},
		"denied by a policy whose reason is that it is forbidden": {answer: refusal(403, metav1.StatusReasonForbidden, "ingresses \"x\" is forbidden: "+denial+` User "x" cannot create resource `, denial),
			want: &control.Refused{Denied: []string{"holdfast-guard-b"}}},
		"by a webhook": {answer: refusal(403, "", `admission webhook "w.example.com" denied the request: ValidatingAdmissionPolicy, says it`),
			want: &control.Refused{Otherwise: "admission webhook w.example.com"}},
		"by a quota": {answer: refusal(403, metav1.StatusReasonForbidden, `exceeded quota: q, requested: 1, used: 7, limited: 7`),
			want: &control.Refused{Otherwise: "a resource quota"}},
		"the namespace ends": {answer: refusal(403, metav1.StatusReasonForbidden, `unable to create new content in namespace x because it is being terminated`),
			want: &control.Refused{Otherwise: "the API server: 403 Forbidden"}},
		"the prober may not": {answer: refusal(403, metav1.StatusReasonForbidden, `ingresses is forbidden: User "u" cannot create resource "ingresses" in API group`),
			wantReason: control.ReasonForbidden, wantMessage: "may not try to create ingresses"},
		"the API server fails":    {answer: refusal(500, metav1.StatusReasonInternalError, "failed calling webhook"), wantReason: control.ReasonInconclusive, wantMessage: "with 500"},
		"a proxy refuses":         {answer: apiserver.Answer{Code: 403}, wantReason: control.ReasonInconclusive, wantMessage: "does not say why"},
		"details are not in each": {answer: apiserver.Answer{Code: 400, Status: &metav1.Status{Reason: metav1.StatusReasonBadRequest}}, want: &control.Refused{Otherwise: "the API server: 400 BadRequest"}},
	}
	prober := &Prober{identity: Identity{Namespace: "holdfast-system", Name: permissions.ProberName}, table: permissions.Holdfast()}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := prober.interpret(test.answer, &metav1.APIResource{Group: "networking.k8s.io", Name: "ingresses"})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if test.wantReason == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if why := unseen.Of(err); why.Reason != test.wantReason || !strings.Contains(why.Message, test.wantMessage) {
				t.Errorf("got %+v", why)
			}
		})
	}
}
