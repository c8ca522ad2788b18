package assess

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// validate checks what admission cannot: the keys of selectors deep within lists.
func validate(spec v1alpha1.ControlSpec) error {
	if spec.NetworkIsolation == nil {
		return nil
	}
	for i, a := range spec.NetworkIsolation.Allow {
		if a.Rule == nil {
			continue
		}
		path := fmt.Sprintf("networkIsolation.allow[%d].rule", i)
		if err := validateSelector(path+".podSelector", &a.Rule.PodSelector); err != nil {
			return err
		}
		for j, peer := range a.Rule.Peers {
			path := fmt.Sprintf("%s.peers[%d]", path, j)
			if err := validateSelector(path+".namespaceSelector", peer.NamespaceSelector); err != nil {
				return err
			}
			if err := validateSelector(path+".podSelector", peer.PodSelector); err != nil {
				return err
			}
		}
	}
	return nil
}

func validateSelector(path string, s *metav1.LabelSelector) error {
	if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
