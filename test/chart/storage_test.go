package chart_test

import "testing"

func (s suite) testStorageClass(t *testing.T) {
	out, err := s.helm(t, "install", "holdfast", chart, "--namespace", namespace, "--create-namespace", "--dry-run=server")
	t.Log(out, err)
	out, err = s.helm(t, "install", "holdfast", chart, "--namespace", namespace, "--create-namespace", "--dry-run=server","--set","ledger.persistence.storageClassName=fast")
	t.Log(out, err)
	out, err = s.helm(t, "install", "holdfast", chart, "--namespace", namespace, "--create-namespace", "--dry-run=server","--set","ledger.persistence.storageClassName=-")
	t.Log(len(out), err)
	out, err = s.helm(t, "install", "holdfast", chart, "--namespace", namespace, "--create-namespace", "--set","ledger.persistence.storageClassName=-")
	t.Log(len(out), err)
	t.Log(s.kubectl(t, "", "get", "all,crd,pvc,networkpolicy", "-A"))
	t.Log(s.kubectl(t, "", "get", "secrets", "-A", "-o", `jsonpath={range .items[*]}{.metadata.name} {.data.release}{"\n"}{end}`))
}
