// Package dryrun has the API server refuse, in a dry run, what a guard is to refuse.
// It asks as an identity that can do nothing but dry runs.
package dryrun

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe/apiserver"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

const (
	// tokenLife is how long a token of the prober holds: the shortest there is. It is
	// used for half of that.
	tokenLife = 10 * time.Minute
	// maxNamespaces is how many namespaces are tried, where something else than a
	// guard refuses the object.
	maxNamespaces = 3
)

const (
	// settling is how long an object that nothing stops is tried again: API servers
	// look for guards once a second, and one that was just made, or given back, is not
	// known to them at once.
	settling = 4 * time.Second
	// again is the time between two tries.
	again = 250 * time.Millisecond
)

// Identity is the service account that asks.
type Identity struct {
	Namespace, Name string
}

// Prober asks the API server to create what guards are to refuse.
type Prober struct {
	config   *rest.Config
	identity Identity
	usual    *apiserver.Client
	table    permissions.Table
	now      func() time.Time

	mu        sync.Mutex
	asking    *apiserver.Client // by a token, until expires
	expires   time.Time
	resources map[string]*metav1.APIResourceList
}

// New returns a prober that gets tokens of the identity with the rights of config.
func New(config *rest.Config, identity Identity, now func() time.Time) (*Prober, error) {
	usual, err := apiserver.New(config)
	if err != nil {
		return nil, err
	}
	return &Prober{
		config: config, identity: identity, usual: usual, table: permissions.Holdfast(), now: now,
		resources: map[string]*metav1.APIResourceList{},
	}, nil
}

// Probe returns what became of an object that a guard is to refuse. One of a kind
// that is namespaced, and names no namespace, is made in the first of namespaces
// where nothing else refuses it. The error is an *unseen.Error.
func (p *Prober) Probe(ctx context.Context, target control.GuardTarget, namespaces []string) (*control.Refused, error) {
	object, err := copied(target.Object)
	if err != nil {
		return nil, err
	}
	resource, err := p.resource(ctx, object.GetAPIVersion(), object.GetKind())
	if err != nil {
		return nil, err
	}
	switch {
	case !resource.Namespaced:
		namespaces = []string{""}
	case object.GetNamespace() != "":
		namespaces = []string{object.GetNamespace()}
	case len(namespaces) == 0:
		return nil, unseen.Inconclusive("The guard %s is tried nowhere: no namespace is in the policy's scope.", target.Policy)
	}
	var refused *control.Refused
	for _, namespace := range namespaces[:min(len(namespaces), maxNamespaces)] {
		object.SetNamespace(namespace)
		refused, err = p.settled(ctx, resource, object)
		if err != nil || refused.Otherwise == "" {
			return refused, err
		}
	}
	return refused, nil
}

// settled creates an object in a dry run, again and again while nothing stops it.
func (p *Prober) settled(ctx context.Context, resource *metav1.APIResource, object *unstructured.Unstructured) (*control.Refused, error) {
	end := time.After(settling)
	for {
		refused, err := p.create(ctx, resource, object)
		if err != nil || len(refused.Denied)+len(refused.Warned) > 0 || refused.Otherwise != "" {
			return refused, err
		}
		select {
		case <-ctx.Done():
			return refused, nil
		case <-end:
			return refused, nil
		case <-time.After(again):
		}
	}
}

// copied is a copy of an object that may be changed.
func copied(object map[string]any) (*unstructured.Unstructured, error) {
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, unseen.Inconclusive("The object to try is no JSON.")
	}
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal(encoded, &o.Object); err != nil || o.GetKind() == "" {
		return nil, unseen.Inconclusive("The object to try is none.")
	}
	return o, nil
}

// create creates an object in a dry run.
func (p *Prober) create(ctx context.Context, resource *metav1.APIResource, object *unstructured.Unstructured) (*control.Refused, error) {
	path := base(object.GetAPIVersion())
	if resource.Namespaced {
		path += "/namespaces/" + url.PathEscape(object.GetNamespace())
	}
	query := url.Values{"dryRun": {metav1.DryRunAll}, "fieldManager": {"holdfast"}}
	for range 2 {
		client, err := p.client(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := client.Do(ctx, http.MethodPost, path+"/"+resource.Name, query, object.Object, nil)
		if answer.Code == http.StatusUnauthorized {
			p.forget(client) // the service account was made anew, for one
			continue
		}
		if answer.Code == 0 {
			return nil, unseen.Inconclusive("The API server gave no answer to a dry run: %s.", unseen.Why(err))
		}
		return p.interpret(answer, resource)
	}
	return nil, unseen.Forbidden("The API server does not know the service account %s/%s: %s.", p.identity.Namespace, p.identity.Name, p.table.MissingProbe())
}

// client returns a client that asks as the prober.
func (p *Prober) client(ctx context.Context) (*apiserver.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asking != nil && p.now().Before(p.expires) {
		return p.asking, nil
	}
	seconds := int64(tokenLife / time.Second)
	request := authenticationv1.TokenRequest{
		TypeMeta: metav1.TypeMeta{APIVersion: authenticationv1.SchemeGroupVersion.String(), Kind: "TokenRequest"},
		Spec:     authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds},
	}
	var granted authenticationv1.TokenRequest
	path := "/api/v1/namespaces/" + p.identity.Namespace + "/serviceaccounts/" + p.identity.Name + "/token"
	_, err := p.usual.Do(ctx, http.MethodPost, path, nil, request, &granted)
	switch code := apiserver.Code(err); {
	case code == http.StatusForbidden, code == http.StatusUnauthorized, code == http.StatusNotFound:
		return nil, unseen.Forbidden("Holdfast gets no token of the service account %s/%s, or there is none: %s.", p.identity.Namespace, p.identity.Name, p.table.MissingProbe())
	case code != 0:
		return nil, unseen.Inconclusive("The API server answers a request for a token of %s/%s with %d.", p.identity.Namespace, p.identity.Name, code)
	case err != nil:
		return nil, unseen.Inconclusive("The API server gave no token of %s/%s: %s.", p.identity.Namespace, p.identity.Name, unseen.Why(err))
	}
	config := rest.AnonymousClientConfig(p.config)
	config.BearerToken = granted.Status.Token
	client, err := apiserver.New(config)
	if err != nil {
		return nil, unseen.Inconclusive("The API server cannot be asked as %s/%s.", p.identity.Namespace, p.identity.Name)
	}
	p.asking, p.expires = client, p.now().Add(tokenLife/2)
	return client, nil
}

// forget drops a client whose token is not accepted.
func (p *Prober) forget(client *apiserver.Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asking == client {
		p.asking = nil
	}
}

// resource returns which resource a kind is served as.
func (p *Prober) resource(ctx context.Context, apiVersion, kind string) (*metav1.APIResource, error) {
	list, err := p.served(ctx, apiVersion)
	if err != nil {
		return nil, err
	}
	for i := range list.APIResources {
		if r := &list.APIResources[i]; r.Kind == kind && !strings.Contains(r.Name, "/") {
			found := *r
			found.Group, _, _ = strings.Cut(apiVersion, "/")
			if !strings.Contains(apiVersion, "/") {
				found.Group = ""
			}
			return &found, nil
		}
	}
	return nil, notServed(kind, apiVersion)
}

// served returns what is served of an API version. Built-in ones stay as they are.
func (p *Prober) served(ctx context.Context, apiVersion string) (*metav1.APIResourceList, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if list := p.resources[apiVersion]; list != nil {
		return list, nil
	}
	var list metav1.APIResourceList
	_, err := p.usual.Do(ctx, http.MethodGet, base(apiVersion), nil, nil, &list)
	switch {
	case apiserver.Code(err) == http.StatusNotFound:
		return nil, notServed("Kinds", apiVersion)
	case err != nil:
		return nil, unseen.Inconclusive("The API server does not say what it serves of %s.", apiVersion)
	}
	p.resources[apiVersion] = &list
	return &list, nil
}

func notServed(what, apiVersion string) error {
	return &unseen.Error{Reason: control.ReasonNotInstalled, Message: what + " of " + apiVersion + " are not served."}
}

// base is the path of an API version.
func base(apiVersion string) string {
	if strings.Contains(apiVersion, "/") {
		return "/apis/" + apiVersion
	}
	return "/api/" + apiVersion
}
