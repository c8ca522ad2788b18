package probe_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe/repository"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// repositoryPassword creates a namespace of a Velero with the Secret of its
// repositories, unless data is nil.
func (c *cluster) repositoryPassword(t *testing.T, name string, data map[string][]byte) control.RepositoryTarget {
	t.Helper()
	c.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if data != nil {
		c.create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: permissions.RepositorySecret, Namespace: name}, Data: data})
	}
	return control.RepositoryTarget{VeleroNamespace: name}
}

// testRepositories: of the password of Velero's repositories it is seen whether
// everybody knows it.
func (c *cluster) testRepositories(t *testing.T) {
	t.Parallel()
	prober, err := repository.New(c.config)
	if err != nil {
		t.Fatal(err)
	}
	const key = "repository-password"
	for name, tc := range map[string]struct {
		data map[string][]byte
		want control.RepositoryPassword
	}{
		"well-known":   {map[string][]byte{key: []byte("static-passw0rd")}, control.RepositoryPassword{WellKnown: true}},
		"own":          {map[string][]byte{key: []byte("static-passw0rt")}, control.RepositoryPassword{}},
		"with-newline": {map[string][]byte{key: []byte("static-passw0rd\n")}, control.RepositoryPassword{}},
		"empty":        {map[string][]byte{key: {}}, control.RepositoryPassword{}},
		"other-key":    {map[string][]byte{"password": []byte("static-passw0rd")}, control.RepositoryPassword{Missing: true}},
		"none":         {nil, control.RepositoryPassword{Missing: true}},
	} {
		t.Run(name, func(t *testing.T) {
			target := c.repositoryPassword(t, "velero-"+name, tc.data)
			var got *control.RepositoryPassword
			eventually(t, "the Secret may be read", func(ctx context.Context) (err error) {
				got, err = prober.Probe(ctx, target)
				return err
			})
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("no such namespace can be", func(t *testing.T) {
		got, err := prober.Probe(t.Context(), control.RepositoryTarget{VeleroNamespace: "../secrets"})
		if err != nil || !got.Missing {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("forbidden", func(t *testing.T) {
		blind, err := repository.New(c.user(t, "no-repository", func(permissions.Rule) bool { return false }))
		if err != nil {
			t.Fatal(err)
		}
		got, err := blind.Probe(t.Context(), control.RepositoryTarget{VeleroNamespace: "velero-own"})
		if why := unseen.Of(err); got != nil || why.Reason != control.ReasonForbidden ||
			!strings.Contains(why.Message, "may not read the Secret velero-own/velero-repo-credentials: set the chart's value") {
			t.Errorf("got %+v, %+v", got, why)
		}
	})
}
