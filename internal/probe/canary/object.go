package canary

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe/apiserver"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

const (
	// attempts is how often a deletion is tried, each for so long; pause is the time
	// between.
	attempts = 4
	attempt  = 2 * time.Second
	pause    = 250 * time.Millisecond
)

// write creates a canary through the API server, and deletes it again. A canary
// that a crash left over is deleted first.
func (o *observer) write(ctx context.Context) error {
	err := o.create(ctx)
	if apiserver.Code(err) == http.StatusConflict {
		if err := o.remove(context.WithoutCancel(ctx), o.target.Resource, o.client, o.usual); err != nil {
			return o.refused(err, "delete the canary that was left over")
		}
		err = o.create(ctx)
	}
	if err != nil && apiserver.Code(err) != 0 {
		return o.refused(err, "create a canary")
	}
	// Where no answer came, the canary may have been created all the same.
	removed := o.remove(context.WithoutCancel(ctx), o.target.Resource, o.client, o.usual)
	switch {
	case err != nil:
		return o.unreachable(err)
	case apiserver.Code(removed) != 0:
		return o.refused(removed, "delete its canary")
	}
	return nil // what could not be reached is deleted before the next canary
}

// create creates a canary.
func (o *observer) create(ctx context.Context) error {
	object := canary(o.target.Resource)
	_, err := o.client.Do(ctx, http.MethodPost, o.path(o.target.Resource), nil, object, nil)
	return err
}

// canary is an object of random content.
func canary(resource string) map[string]any {
	kind, value := "Secret", make([]byte, 32)
	if resource == "configmaps" {
		kind = "ConfigMap"
	}
	_, _ = rand.Read(value) // it never fails
	return map[string]any{
		"apiVersion": "v1", "kind": kind,
		"metadata": map[string]any{
			"name":        permissions.CanaryName,
			"labels":      map[string]string{"app.kubernetes.io/managed-by": "holdfast", "app.kubernetes.io/component": "canary"},
			"annotations": map[string]string{"holdfast.dev/description": "Written, and deleted at once, to see how the API server stores it. Its content is random."},
		},
		"data": map[string]string{"canary": base64.StdEncoding.EncodeToString(value)},
	}
}

// path is that of a resource in the prober's namespace.
func (p *Prober) path(resource string) string {
	return "/api/v1/namespaces/" + p.namespace + "/" + resource
}

// remove deletes a canary through the first of the clients that answers. That takes
// ten seconds at most.
func (p *Prober) remove(ctx context.Context, resource string, clients ...*apiserver.Client) error {
	var err error
	for i := range attempts {
		err = p.removeOnce(ctx, resource, clients[i%len(clients)])
		switch apiserver.Code(err) {
		case http.StatusNotFound:
			return nil
		case http.StatusForbidden, http.StatusUnauthorized:
			return err
		}
		if err == nil {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
	return err
}

// removeOnce tries to delete a canary.
func (p *Prober) removeOnce(ctx context.Context, resource string, client *apiserver.Client) error {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	_, err := client.Do(ctx, http.MethodDelete, p.path(resource)+"/"+permissions.CanaryName, nil, nil, nil)
	return err
}

// CleanUp deletes what canaries a crash left over. Where nobody granted the right
// to, there are none.
func (p *Prober) CleanUp(ctx context.Context) {
	for _, resource := range []string{"secrets", "configmaps"} {
		_ = p.remove(ctx, resource, p.usual) // the next canary's writer tries again
	}
}

// refused says what the API server refused to do. What else it says is not quoted:
// whoever refuses at admission was shown the canary.
func (o *observer) refused(err error, what string) error {
	var refusal *apiserver.Refusal
	if !errors.As(err, &refusal) {
		return o.unreachable(err)
	}
	// An authorizer says this, and admission does not.
	unauthorized := refusal.Status != nil && strings.Contains(refusal.Status.Message, " cannot ")
	if refusal.Code == http.StatusUnauthorized || refusal.Code == http.StatusForbidden && unauthorized {
		return unseen.Forbidden("Holdfast may not %s in %s through the API server %s: %s.", what, o.namespace, o.target.Endpoint, o.table.MissingProbe())
	}
	return unseen.Inconclusive("The API server %s refused to %s in %s with %d: a quota, a policy or a webhook may be why.",
		o.target.Endpoint, what, o.namespace, refusal.Code)
}
