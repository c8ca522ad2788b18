package operator

import (
	"context"
	"fmt"
	"os"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/clusterstore"
	"github.com/holdfast-dev/holdfast/internal/version"
)

// identify reads which cluster this is.
func identify(ctx context.Context, cfg *rest.Config, clients *kubernetes.Clientset) (ledger.ClusterBody, error) {
	var c ledger.ClusterBody
	ns, err := clients.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return c, fmt.Errorf("identify the cluster by its namespace kube-system: %w", err)
	}
	c.KubeSystemUID = string(ns.UID)
	version, err := clients.Discovery().ServerVersionWithContext(ctx)
	if err != nil {
		return c, fmt.Errorf("identify the cluster by its version: %w", err)
	}
	c.ServerVersion = version.GitVersion
	ca := cfg.CAData
	if file := cfg.CAFile; len(ca) == 0 && file != "" {
		if ca, err = os.ReadFile(file); err != nil {
			return c, fmt.Errorf("identify the cluster by its CA: %w", err)
		}
	}
	if len(ca) > 0 {
		c.CADigest = ledger.Digest(ca)
	}
	return c, nil
}

// describe says which process this is, and what it may do.
func describe(ctx context.Context, clients *kubernetes.Clientset, opts Options) (ledger.OperatorBody, []ledger.Object, error) {
	body := ledger.OperatorBody{Process: processID(), Version: version.String(), Image: opts.Image, PodUID: opts.PodUID, StartedAt: ledger.At(time.Now())}
	arguments, err := ledger.NewObject(opts.Arguments)
	if err != nil {
		return body, nil, err
	}
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: opts.Namespace}}
	review, err = clients.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return body, nil, fmt.Errorf("read the operator's permissions: %w", err)
	}
	permissions, err := ledger.NewObject(review.Status)
	if err != nil {
		return body, nil, err
	}
	body.Arguments, body.Permissions = arguments.Digest, permissions.Digest
	return body, []ledger.Object{arguments, permissions}, nil
}

// stores are where the signing key, the head mark and the records are kept.
func stores(mgr ctrl.Manager, opts Options) (ledger.KeyStore, ledger.HeadStore, clusterstore.Records) {
	clients := kubernetes.NewForConfigOrDie(mgr.GetConfig())
	head := &clusterstore.Head{ConfigMaps: clients.CoreV1().ConfigMaps(opts.Namespace)}
	records := clusterstore.Records{Client: dynamic.NewForConfigOrDie(mgr.GetConfig())}
	if opts.KeyFile != "" {
		return ledger.FileKey{Path: opts.KeyFile}, head, records
	}
	return clusterstore.Key{Secrets: clients.CoreV1().Secrets(opts.Namespace)}, head, records
}
