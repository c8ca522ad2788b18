package assess

import (
	"cmp"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/slots"
)

// validate checks what admission cannot: the keys of selectors deep within lists,
// and when something is due.
func validate(spec v1alpha1.ControlSpec) error {
	switch {
	case spec.NetworkIsolation != nil:
		return validateAllowances(spec.NetworkIsolation.Allow)
	case spec.Backup != nil:
		return validateSlots(spec.Backup)
	}
	return nil
}

func validateAllowances(allow []v1alpha1.Allowance) error {
	for i, a := range allow {
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

// validateSlots checks that a backup is due at some time.
func validateSlots(spec *v1alpha1.Backup) error {
	zone, err := time.LoadLocation(cmp.Or(spec.TimeZone, "Etc/UTC"))
	if err != nil {
		return fmt.Errorf("backup.timeZone: %q is no time zone that this operator knows", spec.TimeZone)
	}
	due, err := slots.Parse(spec.Schedule, zone)
	if err != nil {
		return fmt.Errorf("backup.schedule: %w", err)
	}
	if due.Next(time.Time{}).IsZero() {
		return fmt.Errorf("backup.schedule: %q never comes to pass", spec.Schedule)
	}
	return nil
}
