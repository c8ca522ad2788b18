package dryrun

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe/apiserver"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// policies finds the names of ValidatingAdmissionPolicies in what the API server
// says of them, and webhooks those of webhooks.
var (
	policies = regexp.MustCompile(`ValidatingAdmissionPolicy '([a-z0-9.-]{1,253})'`)
	webhooks = regexp.MustCompile(`admission webhook "([a-z0-9.-]{1,253})"`)
)

// interpret says what became of an object.
func (p *Prober) interpret(answer apiserver.Answer, resource *metav1.APIResource) (*control.Refused, error) {
	refused := &control.Refused{Warned: named(policies, answer.Warnings...)}
	switch {
	case answer.Code < 300, answer.Code == http.StatusConflict: // admission let it through
		return refused, nil
	case answer.Code >= 500:
		return nil, unseen.Inconclusive("The API server answers a dry run with %d.", answer.Code)
	case answer.Status == nil:
		return nil, unseen.Inconclusive("The API server refuses a dry run with %d, and does not say why.", answer.Code)
	}
	texts := []string{answer.Status.Message}
	if answer.Status.Details != nil {
		for _, cause := range answer.Status.Details.Causes {
			texts = append(texts, cause.Message)
		}
	}
	refused.Denied = named(policies, texts...)
	if len(refused.Denied) > 0 {
		return refused, nil
	}
	if answer.Code == http.StatusForbidden && strings.Contains(answer.Status.Message, " cannot create resource ") {
		return nil, unseen.Forbidden("The service account %s/%s may not try to create %s: %s.",
			p.identity.Namespace, p.identity.Name, resource.Name, p.table.MissingProber(resource.Group, resource.Name))
	}
	refused.Otherwise = otherwise(&answer)
	return refused, nil
}

// otherwise says what else refused an object, in words that are the same for the
// same cause.
func otherwise(answer *apiserver.Answer) string {
	message := answer.Status.Message
	if hooks := named(webhooks, message); len(hooks) > 0 {
		return "admission webhook " + hooks[0]
	}
	if strings.Contains(message, "exceeded quota") {
		return "a resource quota"
	}
	return fmt.Sprintf("the API server: %d %s", answer.Code, answer.Status.Reason)
}

// named are the names that a pattern finds, sorted.
func named(pattern *regexp.Regexp, texts ...string) []string {
	var names []string
	for _, text := range texts {
		for _, match := range pattern.FindAllStringSubmatch(text, -1) {
			names = append(names, match[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
