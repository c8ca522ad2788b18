package chart_test

import (
	"strings"
	"testing"
)

// storageClass is a class, the default or not.
func storageClass(name string, isDefault string) string {
	return `{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.com/disk",
		"metadata": {"name": "` + name + `", "annotations": {"storageclass.kubernetes.io/is-default-class": "` + isDefault + `"}}}`
}

// testStorageClass installs the chart for real, where its claims could not be
// bound, and where they could.
func (s suite) testStorageClass(t *testing.T) {
	s.kubectl(t, storageClass("slow", "false"), "apply", "--filename", "-")
	const noDefault = "the cluster has no default storage class, so that the claim %CLAIM would wait for ever: " +
		"name a class in %PATH.storageClassName, or a claim that exists in %PATH.existingClaim"
	cases := []struct {
		name   string
		values []string
		want   string
	}{
		{"no default", nil,
			"ledger.persistence: " + strings.NewReplacer("%CLAIM", "holdfast-ledger", "%PATH", "ledger.persistence").Replace(noDefault)},
		{"no default for exports", []string{"ledger.persistence.existingClaim=kept", "exports.enabled=true"},
			"exports: " + strings.NewReplacer("%CLAIM", "holdfast-exports", "%PATH", "exports").Replace(noDefault)},
		{"no such class", []string{"ledger.persistence.storageClassName=fast"},
			`ledger.persistence.storageClassName: the cluster has no storage class "fast": create it, or name another (kubectl get storageclasses)`},
		{"a class that exists", []string{"ledger.persistence.storageClassName=slow"}, ""},
		{"no class is asked for", []string{"ledger.persistence.storageClassName=-"}, ""},
		{"a claim that exists", []string{"ledger.persistence.existingClaim=kept"}, ""},
		{"no volume", []string{"ledger.persistence.enabled=false"}, ""},
		{"nobody checks", []string{"ledger.persistence.checkStorageClass=false"}, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) { s.installs(t, tc.values, tc.want) })
	}
	s.kubectl(t, storageClass("usual", "true"), "apply", "--filename", "-")
	t.Run("a default", func(t *testing.T) { s.installs(t, nil, "") })
	t.Run("an upgrade after the default is gone", func(t *testing.T) {
		s.install(t)
		s.kubectl(t, "", "delete", "storageclass", "usual")
		if _, err := s.helm(t, "upgrade", "holdfast", chart, "--namespace", namespace); err != nil {
			t.Error("the claim exists, and yet:", err)
		}
		s.uninstall(t)
	})
}

// installs installs the chart, and takes it off again. Where want is not empty,
// it must fail with that sentence.
func (s suite) installs(t *testing.T, values []string, want string) {
	t.Helper()
	_, err := s.helm(t, append([]string{"install", "holdfast", chart, "--namespace", namespace}, flagsOf(values)...)...)
	switch {
	case want == "" && err != nil:
		t.Error(err)
	case want == "":
		s.uninstall(t)
	case err == nil || !strings.HasSuffix(err.Error(), ": "+want):
		t.Errorf("installing: %v, want %q", err, want)
	}
}

func (s suite) install(t *testing.T, values ...string) string {
	t.Helper()
	stdout, err := s.helm(t, append([]string{"install", "holdfast", chart, "--namespace", namespace}, flagsOf(values)...)...)
	if err != nil {
		t.Fatal(err)
	}
	return stdout
}

// uninstall takes off the release, and the claims that it keeps: no controller
// manager is there to lift their protection.
func (s suite) uninstall(t *testing.T) {
	t.Helper()
	if _, err := s.helm(t, "uninstall", "holdfast", "--namespace", namespace); err != nil {
		t.Fatal(err)
	}
	s.kubectl(t, "", "delete", "pvc", "--all", "--namespace", namespace, "--wait=false")
	for _, claim := range strings.Fields(s.kubectl(t, "", "get", "pvc", "--namespace", namespace, "--output", "name")) {
		s.kubectl(t, "", "patch", claim, "--namespace", namespace, "--type=merge", "--patch", `{"metadata": {"finalizers": null}}`)
	}
}
