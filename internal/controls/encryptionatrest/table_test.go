package encryptionatrest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// tableVersions are the digests of the table, by version: a version that was
// released is never given to another table.
var tableVersions = map[int]string{
	1: "4ef0178f928bbfab6d90664e453f3d9fde8009bed801e88436a74d44f2a639f1",
}

func TestTableVersion(t *testing.T) {
	got := builtin()
	if want := tableVersions[got.Version]; got.digest != want {
		t.Errorf("version %d of the table has the digest\n%s, want\n%s: a table that differs has another version", got.Version, got.digest, want)
	}
	if !strings.HasSuffix(got.String(), " sha256:"+got.digest) || len(got.digest) != 64 {
		t.Errorf("the table calls itself %q", got.String())
	}
}

// TestTableIsSound: no name is listed twice, every level is one, and what is looked
// up in lower case is written so.
func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	levels := []v1alpha1.EncryptionLevel{v1alpha1.EncryptionNone, v1alpha1.EncryptionProviderManaged, v1alpha1.EncryptionCustomerManaged}
	for _, r := range builtin().Rows {
		names := slices.Concat(r.Provisioners, r.Sources)
		if len(names) == 0 {
			t.Errorf("a row without names: %+v", r)
		}
		for _, name := range names {
			if seen[name] {
				t.Errorf("%s is listed twice", name)
			}
			seen[name] = true
		}
		for _, s := range r.Sources {
			if !slices.Contains(sources(), s) {
				t.Errorf("%s is no volume source of Kubernetes", s)
			}
		}
		used := []v1alpha1.EncryptionLevel{}
		for _, c := range r.Levels {
			used = append(used, c.Level)
			if len(c.Parameters) == 0 {
				t.Errorf("%v: a level without parameters", names)
			}
			for _, key := range slices.Sorted(maps.Keys(c.Parameters)) {
				if r.FoldKeys && key != strings.ToLower(key) {
					t.Errorf("%v: %s is never found, as the case of keys is folded", names, key)
				}
			}
		}
		for _, a := range r.Attributes {
			used = append(used, a.Level)
		}
		for _, l := range used {
			if !slices.Contains(levels, l) {
				t.Errorf("%v: %q is no level", names, l)
			}
		}
		if r.Otherwise != "" && !slices.Contains(levels, r.Otherwise) {
			t.Errorf("%v: %q is no level", names, r.Otherwise)
		}
	}
}

func TestReadTable(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown field": "version: 1\nrows: [{provisioner: a}]",
		"no YAML":          "version: [",
		"another type":     "version: one",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := readTable([]byte(text)); err == nil {
				t.Errorf("readTable() = %+v, want an error", got)
			}
		})
	}
}

func TestNamedBy(t *testing.T) {
	got := map[string]bool{}
	for _, name := range []string{"rbd.csi.ceph.com", "rook-ceph.rbd.csi.ceph.com", ".rbd.csi.ceph.com", "xrbd.csi.ceph.com", "rbd.csi.ceph.com.x"} {
		got[name] = namedBy("*.rbd.csi.ceph.com", name) || namedBy("rbd.csi.ceph.com", name)
	}
	want := map[string]bool{"rbd.csi.ceph.com": true, "rook-ceph.rbd.csi.ceph.com": true, ".rbd.csi.ceph.com": false, "xrbd.csi.ceph.com": false, "rbd.csi.ceph.com.x": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}
