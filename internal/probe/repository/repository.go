// Package repository looks at the password by which Velero encrypts the repositories
// of volume data. It is compared in memory, and forgotten: it is not kept, logged,
// hashed or part of any error.
package repository

import (
	"context"
	"crypto/subtle"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe/apiserver"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

const (
	// key is that of the password in the Secret.
	key = "repository-password"
	// wellKnown is the password that Velero comes with.
	wellKnown = "static-passw0rd" //nolint:gosec // it is nobody's secret, which is what is looked for
)

// Prober reads the Secret.
type Prober struct {
	client *apiserver.Client
	table  permissions.Table
}

// New returns a prober with the rights of config.
func New(config *rest.Config) (*Prober, error) {
	client, err := apiserver.New(config)
	if err != nil {
		return nil, err
	}
	return &Prober{client: client, table: permissions.Holdfast()}, nil
}

// Probe says of the password, as the API server has it now, whether it is there and
// whether everybody knows it. The error is an *unseen.Error.
func (p *Prober) Probe(ctx context.Context, target control.RepositoryTarget) (*control.RepositoryPassword, error) {
	namespace := target.VeleroNamespace
	if len(validation.IsDNS1123Label(namespace)) > 0 {
		return &control.RepositoryPassword{Missing: true}, nil // no namespace can have such a name
	}
	var secret corev1.Secret
	defer forget(&secret)
	path := "/api/v1/namespaces/" + namespace + "/secrets/" + permissions.RepositorySecret
	_, err := p.client.Do(ctx, http.MethodGet, path, nil, nil, &secret)
	switch code := apiserver.Code(err); {
	case code == http.StatusNotFound:
		return &control.RepositoryPassword{Missing: true}, nil
	case code == http.StatusForbidden, code == http.StatusUnauthorized:
		return nil, unseen.Forbidden("Holdfast may not read the Secret %s/%s: %s.", namespace, permissions.RepositorySecret, p.table.MissingRepositoryPassword())
	case code != 0:
		return nil, unseen.Inconclusive("The API server answers a request for the Secret %s/%s with %d.", namespace, permissions.RepositorySecret, code)
	case err != nil:
		return nil, unseen.Inconclusive("The Secret %s/%s could not be read: %s.", namespace, permissions.RepositorySecret, unseen.Why(err))
	}
	password, found := secret.Data[key]
	if !found {
		return &control.RepositoryPassword{Missing: true}, nil
	}
	return &control.RepositoryPassword{WellKnown: subtle.ConstantTimeCompare(password, []byte(wellKnown)) == 1}, nil
}

// forget overwrites what a Secret holds.
func forget(secret *corev1.Secret) {
	for _, value := range secret.Data {
		clear(value)
	}
}
