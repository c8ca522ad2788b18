package restoretest

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// claimed is a volume that a claim of a namespace has.
func claimed(name, namespace string, source corev1.PersistentVolumeSource, change ...func(*corev1.PersistentVolume)) corev1.PersistentVolume {
	v := corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-of-" + name)}, Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: source}}
	if namespace != "" {
		v.Spec.ClaimRef = &corev1.ObjectReference{Namespace: namespace}
	}
	for _, c := range change {
		c(&v)
	}
	return v
}

func csi(driver, handle string) corev1.PersistentVolumeSource {
	return corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: handle}}
}

func local(path string) corev1.PersistentVolumeSource {
	return corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path}}
}

func onNode(name string) func(*corev1.PersistentVolume) {
	return func(v *corev1.PersistentVolume) {
		v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "kubernetes.io/hostname", Operator: corev1.NodeSelectorOpIn, Values: []string{name}}},
		}}}}
	}
}

// TestSharedVolumes: whatever could be one volume under two names holds up the removal
// of a test's namespace.
func TestSharedVolumes(t *testing.T) {
	const scratch = "holdfast-restore-x"
	nfs := func(readOnly bool) corev1.PersistentVolumeSource {
		return corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: "nas", Path: "/a", ReadOnly: readOnly}}
	}
	ebs := func(fs string) corev1.PersistentVolumeSource {
		return corev1.PersistentVolumeSource{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "vol-1", FSType: fs}}
	}
	for name, tc := range map[string]struct {
		all    []corev1.PersistentVolume
		handle string
		want   string // the other side; empty is not shared
	}{
		"a volume of its own":          {all: []corev1.PersistentVolume{claimed("own", scratch, csi("d", "1")), claimed("other", "shop", csi("d", "2"))}},
		"nothing claimed":              {all: []corev1.PersistentVolume{claimed("a", "shop", csi("d", "1")), claimed("b", "web", csi("d", "1"))}},
		"the volume of another":        {all: []corev1.PersistentVolume{claimed("own", scratch, csi("d", "1")), claimed("other", "shop", csi("d", "1"))}, want: "PersistentVolume other"},
		"of another, listed before":    {all: []corev1.PersistentVolume{claimed("other", "shop", csi("d", "1")), claimed("own", scratch, csi("d", "1"))}, want: "PersistentVolume other"},
		"of one that nobody claims":    {all: []corev1.PersistentVolume{claimed("own", scratch, csi("d", "1")), claimed("released", "", csi("d", "1"))}, want: "PersistentVolume released"},
		"of another driver":            {all: []corev1.PersistentVolume{claimed("own", scratch, csi("d", "1")), claimed("other", "shop", csi("e", "1"))}},
		"two of its own are one":       {all: []corev1.PersistentVolume{claimed("own", scratch, csi("d", "1")), claimed("too", scratch, csi("d", "1"))}, want: "PersistentVolume own"},
		"the sentinel's, of no object": {all: []corev1.PersistentVolume{claimed("own", scratch, csi("d", "1"))}, handle: "csi d 1", want: "the sentinel"},
		"not the sentinel's":           {all: []corev1.PersistentVolume{claimed("own", scratch, csi("d", "1"))}, handle: "csi d 2"},
		"of NFS, used otherwise":       {all: []corev1.PersistentVolume{claimed("own", scratch, nfs(true)), claimed("other", "shop", nfs(false))}, want: "PersistentVolume other"},
		"in-tree, formatted otherwise": {all: []corev1.PersistentVolume{claimed("own", scratch, ebs("xfs")), claimed("other", "shop", ebs("ext4"))}, want: "PersistentVolume other"},
		"a path of a node":             {all: []corev1.PersistentVolume{claimed("own", scratch, local("/d"), onNode("a")), claimed("other", "shop", local("/d"), onNode("a"))}, want: "PersistentVolume other"},
		"a path of another node":       {all: []corev1.PersistentVolume{claimed("own", scratch, local("/d"), onNode("a")), claimed("other", "shop", local("/d"), onNode("b"))}},
		"of no source": {all: []corev1.PersistentVolume{claimed("own", scratch, corev1.PersistentVolumeSource{}),
			claimed("other", "shop", corev1.PersistentVolumeSource{})}},
	} {
		t.Run(name, func(t *testing.T) {
			got := claimedBy(scratch, tc.all, tc.handle)
			if tc.want == "" && got.shared != "" || tc.want != "" && !strings.Contains(got.shared, "has the volume of "+tc.want) {
				t.Errorf("got %q, want %q", got.shared, tc.want)
			}
		})
	}
}

// TestRetainedVolumes: what outlives the namespace is named.
func TestRetainedVolumes(t *testing.T) {
	retains := func(v *corev1.PersistentVolume) {
		v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	}
	got := claimedBy("holdfast-restore-x", []corev1.PersistentVolume{
		claimed("kept", "holdfast-restore-x", csi("d", "1"), retains), claimed("deleted", "holdfast-restore-x", csi("d", "2")), claimed("other", "shop", csi("d", "3"), retains),
	}, "")
	if len(got.retained) != 1 || got.retained[0] != "kept" || got.shared != "" {
		t.Errorf("got %+v", got)
	}
}
