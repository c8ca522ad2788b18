// Package certificate reads the public half of TLS Secrets. What it reads beside is
// compared in memory, and forgotten: it is not kept, logged or part of any error.
package certificate

import (
	"context"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe/apiserver"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// maxType is how long the type of a Secret is told.
const maxType = 253

// Prober reads TLS Secrets.
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

// Probe returns the public half of a TLS Secret, as the API server has it now. The
// error is an *unseen.Error.
func (p *Prober) Probe(ctx context.Context, target control.CertificateTarget) (*control.PublicHalf, error) {
	if len(validation.IsDNS1123Subdomain(target.Secret)) > 0 || len(validation.IsDNS1123Label(target.Namespace)) > 0 {
		return &control.PublicHalf{Missing: true}, nil // no object can have such a name
	}
	var secret corev1.Secret
	defer forget(&secret)
	path := "/api/v1/namespaces/" + target.Namespace + "/secrets/" + target.Secret
	_, err := p.client.Do(ctx, http.MethodGet, path, nil, nil, &secret)
	switch code := apiserver.Code(err); {
	case code == http.StatusNotFound:
		return &control.PublicHalf{Missing: true}, nil
	case code == http.StatusForbidden, code == http.StatusUnauthorized:
		return nil, unseen.Forbidden("Holdfast may not read the TLS Secret %s/%s: %s.", target.Namespace, target.Secret, p.table.MissingTLSSecret(target.Namespace))
	case code != 0:
		return nil, unseen.Inconclusive("The API server answers a request for the TLS Secret %s/%s with %d.", target.Namespace, target.Secret, code)
	case err != nil:
		return nil, unseen.Inconclusive("The TLS Secret %s/%s could not be read: %s.", target.Namespace, target.Secret, unseen.Why(err))
	}
	half := parse(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	half.Type = string(secret.Type[:min(len(secret.Type), maxType)])
	return half, nil
}

// forget overwrites what a Secret holds.
func forget(secret *corev1.Secret) {
	for _, value := range secret.Data {
		clear(value)
	}
}
