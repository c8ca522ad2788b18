package velero

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deployment is the name that Velero's own installation gives it.
const deployment = "velero"

// installObjects makes what the server needs. What is there already stays as it is.
func (s *Server) installObjects(ctx context.Context) error {
	objects := []client.Object{s.namespace(), s.deployment(), s.NewLocation(Location, s.options.Prefix)}
	for _, object := range objects {
		if err := s.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("install Velero: %w", err)
		}
	}
	return nil
}

func (s *Server) namespace() client.Object {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Namespace}}
}

// deployment is what Velero reads before it restores.
func (s *Server) deployment() client.Object {
	labels := map[string]string{"deploy": deployment}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: deployment},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(0)),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: deployment, Image: "registry.example.com/velero"}}},
			},
		},
	}
}

// writeCredentials writes the file by which the plugin signs its requests to the
// store, as the Secret of an ordinary installation does. Velero writes one that a
// location refers to anew each time, and what reads it meanwhile finds none.
func (s *Server) writeCredentials() error {
	content := fmt.Sprintf("[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n", accessKey, secretKey)
	return os.WriteFile(s.credentials(), []byte(content), 0o600)
}

// credentials is the path of that file.
func (s *Server) credentials() string { return filepath.Join(s.options.Dir, "credentials") }
