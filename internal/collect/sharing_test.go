package collect_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/access"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// objects are the digests of the objects of the ledger, and of people.
func (w *world) objects() (objects, people map[string]bool) {
	w.tb.Helper()
	objects, people = map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(w.dir, func(path string, _ fs.DirEntry, err error) error {
		digest, is := strings.CutSuffix(filepath.Base(path), ".zst")
		switch {
		case err != nil || !is:
		case strings.Contains(path, "/actors/"):
			people[digest] = true
		default:
			objects[digest] = true
		}
		return err
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	return objects, people
}

// testDeduplication: of 300 namespaces, and one more, the second collection adds
// the manifest, one chunk, and what that namespace was judged by.
func testDeduplication(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	for i := range 300 {
		c.create(t, fmt.Sprintf("shared-%03d", i), production)
	}
	w.recorded("shared-299", control.Deviating)
	first := w.collect()
	before, _ := w.objects()
	again := w.collect()
	same, _ := w.objects()
	if diff := cmp.Diff(first.Manifest.Chunks, again.Manifest.Chunks); diff != "" {
		t.Errorf("nothing changed, and chunks did (-first +again):\n%s", diff)
	}
	if added := len(same) - len(before); added != 1 {
		t.Errorf("%d objects are new, want the manifest alone", added)
	}
	c.create(t, "shared-150-and-a-half", production)
	w.recorded("shared-150-and-a-half", control.Deviating)
	third := w.collect()
	w.entries() // all is in the log
	after, _ := w.objects()
	kept := map[string]bool{}
	for _, ref := range first.Manifest.Chunks {
		kept[ref.Digest] = true
	}
	changed := 0
	for _, ref := range third.Manifest.Chunks {
		if !kept[ref.Digest] {
			changed++
		}
	}
	if changed != 1 || len(third.Manifest.Chunks) < 4 {
		t.Errorf("%d of %d chunks changed, want one", changed, len(third.Manifest.Chunks))
	}
	// The manifest, the chunk, and the namespace itself: it has no objects.
	if added := len(after) - len(same); added != 3 {
		t.Errorf("%d objects are new, want 3", added)
	}
	if got := third.Manifest.Policies[0].Controls[0].Census.InScope(); got != again.Manifest.Policies[0].Controls[0].Census.InScope()+1 {
		t.Errorf("got %d in scope", got)
	}
	w.verified()
}

// testAccess: who has access is recorded once, and again when it changed; people
// are named nowhere but in what can be erased.
func testAccess(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	w.collect()
	w.collect()
	if got := len(w.entries(ledger.KindAccessObserved)); got != 1 {
		t.Fatalf("got %d entries, want one", got)
	}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "policy-author"},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{"holdfast.dev"}, Resources: []string{"controlpolicies", "controlexemptions/status"}, Verbs: []string{"patch"}}}}
	if _, err := c.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.bind(t, "policy-author", rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "jane@example.com"},
		rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "gitops", Name: "sync"})
	r := w.collect()
	if again := w.collect(); again.Manifest.Access != r.Manifest.Access {
		t.Error("nothing changed, and the access object did")
	}
	entries := w.entries(ledger.KindAccessObserved)
	if len(entries) != 2 || entries[1].Access.Access != r.Manifest.Access || entries[1].Access.Previous != entries[0].Access.Access {
		t.Fatalf("got %+v", entries)
	}
	sync := access.Holder{Kind: access.HolderServiceAccount, Namespace: "gitops", Name: "sync"}
	masters := access.Holder{Kind: access.HolderGroup, Name: "system:masters"}
	var object access.Object
	w.object(r.Manifest.Access, &object)
	for _, h := range object.Capabilities {
		if h.Capability == access.WritePolicies && (h.People != 1 || !slices.Contains(h.Holders, sync) || !slices.Contains(h.Holders, masters)) {
			t.Errorf("got %+v", h)
		}
	}
	want := access.Combination{Holder: sync,
		Areas: []access.Area{access.AreaApproval, access.AreaPolicy}}
	found := false
	for _, combined := range object.Combined {
		found = found || cmp.Equal(want, combined)
	}
	if !found || object.CombinedPeople != 1 {
		t.Errorf("got %+v and %d people", object.Combined, object.CombinedPeople)
	}
	_, people := w.objects()
	if !people[object.People] || entries[1].ActorRef != object.People {
		t.Errorf("the people are in %q, not in %v", object.People, people)
	}
	// RBAC that cannot be read is no RBAC without anybody in it.
	user := c.user(t, "blind", "namespaces", "networkpolicies")
	w.options.Config = user
	blind := w.collect()
	w.entries() // all is in the log
	object = access.Object{}
	w.object(blind.Manifest.Access, &object)
	if object.Unavailable != control.ReasonForbidden || len(object.Capabilities) > 0 || blind.Entry.Collection.State != ledger.CollectionPartial {
		t.Errorf("got %+v", object)
	}
	w.verified()
}
