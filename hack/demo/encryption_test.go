package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func TestUnits(t *testing.T) {
	episodes := []episode{
		{unit: "ENC-2 Cluster cluster", rules: []string{"ER-05 ConfigAbsent"}, ending: ledger.EndingCorrected},
		{unit: "ENC-3 Ingress a/b", rules: []string{"TR-10 OldVersion"}},
		{unit: "ENC-2 Cluster cluster", rules: []string{"ER-06 StoredInTheClear"}},
	}
	if diff := cmp.Diff([]string{"ENC-2 Cluster cluster", "ENC-3 Ingress a/b"}, open(episodes)); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ER-06 StoredInTheClear"}, rulesOf(episodes, "ENC-2 Cluster cluster")); diff != "" {
		t.Errorf("rules of the newest (-want +got):\n%s", diff)
	}
}

func TestClassesAreTheSameButForTheirMarks(t *testing.T) {
	class := func(mark, encrypted string) map[string]storagev1.StorageClass {
		return map[string]storagev1.StorageClass{"a": {
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{defaultClass: mark}}, Parameters: map[string]string{"encrypted": encrypted},
		}}
	}
	before := class("true", "true")
	if diff := cmp.Diff([]string{"a"}, defaults(before)); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if got := defaults(class("false", "true")); got != nil {
		t.Errorf("got the defaults %v", got)
	}
	for name, tc := range map[string]struct {
		after map[string]storagev1.StorageClass
		want  bool
	}{
		"another mark":      {class("false", "true"), true},
		"another parameter": {class("true", "false"), false},
		"no class":          {nil, false},
	} {
		if got := sameButMarks(before, tc.after); got != tc.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
