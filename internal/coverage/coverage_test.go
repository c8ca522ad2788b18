package coverage

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// now is the time of every case, made when the namespaces of the tests came to be.
var (
	now  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	made = now.AddDate(0, -1, 0)
)

// web is the namespace of the tests.
func web() control.Namespace {
	return control.Namespace{Name: "web", UID: "5a3c6f0e-0000-4000-8000-000000000002", CreatedAt: made}
}

// summary is what cases of coverage state of it.
type summary struct {
	Extent Extent
	Reason string
	Left   []string
}

func summaryOf(c Coverage) summary { return summary{c.Extent, c.Reason, c.Left} }

func leaves(left ...string) summary { return summary{Partial, WhyResources, left} }

// TestHolds: what filters leave of a namespace, for each of them.
func TestHolds(t *testing.T) {
	yes, no := true, false
	app := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}
	full := summary{Extent: Full}
	left, refused := summary{None, WhyNotSelected, nil}, summary{None, WhyRefused, nil}
	selected := summary{Partial, WhySelector, nil}
	cases := map[string]struct {
		filters *control.BackupFilters
		want    summary
	}{
		"nothing stated":        {&control.BackupFilters{}, full},
		"what Velero fills in":  {&control.BackupFilters{IncludedNamespaces: []string{"*"}, ExcludedNamespaceScopedResources: []string{"volumesnapshots.snapshot.storage.k8s.io"}, ExcludedClusterScopedResources: []string{"volumesnapshotcontents.snapshot.storage.k8s.io"}}, full},
		"filters not seen":      {nil, summary{Unknown, WhyUnseen, nil}},
		"what Velero adds, old": {&control.BackupFilters{IncludeClusterResources: &yes, ExcludedResources: []string{"volumesnapshots.snapshot.storage.k8s.io", "volumesnapshotcontents.snapshot.storage.k8s.io"}}, full},

		"named":                            {&control.BackupFilters{IncludedNamespaces: []string{"shop", "web"}}, full},
		"another named":                    {&control.BackupFilters{IncludedNamespaces: []string{"shop"}}, left},
		"a wildcard":                       {&control.BackupFilters{IncludedNamespaces: []string{"w*"}}, full},
		"a wildcard of one":                {&control.BackupFilters{IncludedNamespaces: []string{"we?"}}, full},
		"a set":                            {&control.BackupFilters{IncludedNamespaces: []string{"[v-x]eb"}}, full},
		"another wildcard":                 {&control.BackupFilters{IncludedNamespaces: []string{"web?"}}, left},
		"excluded":                         {&control.BackupFilters{ExcludedNamespaces: []string{"web"}}, left},
		"excluded by a wildcard":           {&control.BackupFilters{IncludedNamespaces: []string{"*"}, ExcludedNamespaces: []string{"w*"}}, left},
		"excluding beats including":        {&control.BackupFilters{IncludedNamespaces: []string{"web"}, ExcludedNamespaces: []string{"we*"}}, left},
		"by the label, through a wildcard": {&control.BackupFilters{IncludedNamespaces: []string{"w*"}, ExcludedNamespaces: []string{"web"}}, left},
		"by the label, though named":       {&control.BackupFilters{IncludedNamespaces: []string{"web"}, ExcludedNamespaces: []string{"web"}}, refused},
		"no namespace at all":              {&control.BackupFilters{IncludedNamespaces: []string{""}}, left},
		"what matches all itself":          {&control.BackupFilters{IncludedNamespaces: []string{"*"}, ExcludedNamespaces: []string{"?"}}, left},
		"what would match all, but named":  {&control.BackupFilters{IncludedNamespaces: []string{"web"}, ExcludedNamespaces: []string{"?"}}, full},
		"all, and another":                 {&control.BackupFilters{IncludedNamespaces: []string{"*", "web"}}, refused},
		"a name that none has":             {&control.BackupFilters{ExcludedNamespaces: []string{"Shop"}}, refused},
		"all excluded":                     {&control.BackupFilters{ExcludedNamespaces: []string{"*"}}, refused},

		"all resources, old":                {&control.BackupFilters{IncludedResources: []string{"*"}}, full},
		"cluster resources or not":          {&control.BackupFilters{IncludeClusterResources: &no}, full},
		"excluded, old":                     {&control.BackupFilters{ExcludedResources: []string{"secrets"}}, leaves("secrets")},
		"excluded by short names":           {&control.BackupFilters{ExcludedResources: []string{"cm", "deploy"}}, leaves("configmaps", "deployments.apps")},
		"excluded by singulars":             {&control.BackupFilters{ExcludedResources: []string{"Secret", "job"}}, leaves("jobs.batch", "secrets")},
		"excluded with half a group":        {&control.BackupFilters{ExcludedResources: []string{"ingresses.networking"}}, leaves("ingresses.networking.k8s.io")},
		"excluded by a wildcard of names":   {&control.BackupFilters{ExcludedResources: []string{"pod*"}}, leaves("pod*", "poddisruptionbudgets.policy", "pods", "podtemplates")},
		"excluded by a wildcard of groups":  {&control.BackupFilters{ExcludedResources: []string{"*.batch"}}, leaves("*.batch", "cronjobs.batch", "jobs.batch")},
		"excluded custom resources":         {&control.BackupFilters{ExcludedResources: []string{"widgets.example.com"}}, leaves("widgets.example.com")},
		"excluded what nobody needs":        {&control.BackupFilters{ExcludedResources: []string{"events", "events.events.k8s.io", "ep", "endpointslices.discovery.k8s.io", "leases", "backups.velero.io"}}, full},
		"excluded what has no namespace":    {&control.BackupFilters{ExcludedResources: []string{"nodes", "pv", "storageclasses", "crd"}}, full},
		"excluded by what may match others": {&control.BackupFilters{ExcludedResources: []string{"e*"}}, leaves("e*")},
		"excluded in braces":                {&control.BackupFilters{ExcludedResources: []string{"{secrets,pods}"}}, leaves("{secrets,pods}")},
		"excluded all but":                  {&control.BackupFilters{ExcludedResources: []string{"[!e]*"}}, leaves("[!e]*")},
		"excluded all, old":                 {&control.BackupFilters{ExcludedResources: []string{"*"}}, refused},
		"both in and out, old":              {&control.BackupFilters{IncludedResources: []string{"pods"}, ExcludedResources: []string{"pods"}}, refused},

		"all resources, by scope":           {&control.BackupFilters{IncludedNamespaceScopedResources: []string{"*"}}, full},
		"excluded, by scope":                {&control.BackupFilters{ExcludedNamespaceScopedResources: []string{"secrets", "events"}}, leaves("secrets")},
		"excluded of the cluster, by scope": {&control.BackupFilters{ExcludedClusterScopedResources: []string{"*"}}, full},
		"included of the cluster, by scope": {&control.BackupFilters{IncludedClusterScopedResources: []string{"storageclasses"}}, full},
		"what has no namespace, by scope":   {&control.BackupFilters{IncludedNamespaceScopedResources: []string{"nodes"}, ExcludedClusterScopedResources: []string{"ns"}}, full},
		"without what has none, by scope":   {&control.BackupFilters{ExcludedNamespaceScopedResources: []string{"nodes", "pods"}}, leaves("pods")},
		"all out and more, by scope":        {&control.BackupFilters{ExcludedClusterScopedResources: []string{"*", "nodes"}}, refused},
		"all out but some, by scope":        {&control.BackupFilters{IncludedNamespaceScopedResources: []string{"pods"}, ExcludedNamespaceScopedResources: []string{"*"}}, refused},
		"all out, and what Velero adds":     {&control.BackupFilters{ExcludedClusterScopedResources: []string{"*", "volumesnapshotcontents.snapshot.storage.k8s.io"}}, full},
		"old and by scope":                  {&control.BackupFilters{IncludeClusterResources: &yes, ExcludedNamespaceScopedResources: []string{"events"}}, refused},
		"both in and out, by scope":         {&control.BackupFilters{IncludedNamespaceScopedResources: []string{"pods"}, ExcludedNamespaceScopedResources: []string{"pods"}}, refused},

		"a selector":                     {&control.BackupFilters{LabelSelector: app}, selected},
		"an empty selector":              {&control.BackupFilters{LabelSelector: &metav1.LabelSelector{}}, selected},
		"one of several selectors":       {&control.BackupFilters{OrLabelSelectors: []*metav1.LabelSelector{app}}, selected},
		"no selectors in the list":       {&control.BackupFilters{OrLabelSelectors: []*metav1.LabelSelector{}}, full},
		"both kinds of selectors":        {&control.BackupFilters{LabelSelector: app, OrLabelSelectors: []*metav1.LabelSelector{app}}, refused},
		"a resource policy":              {&control.BackupFilters{ResourcePolicy: "skips"}, summary{Unknown, WhyResourcePolicy, nil}},
		"a resource policy and excludes": {&control.BackupFilters{ResourcePolicy: "skips", ExcludedNamespaceScopedResources: []string{"pvc"}}, leaves("persistentvolumeclaims")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, summaryOf(Holds(tc.filters, "web"))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestHoldsWhatIsIncluded: a list of what is included leaves out all else, also what
// only this cluster knows.
func TestHoldsWhatIsIncluded(t *testing.T) {
	var needed []string
	for _, r := range namespacedResources {
		if r.needed {
			needed = append(needed, r.name())
		}
	}
	for name, tc := range map[string]struct {
		included []string
		want     func(left []string) bool
	}{
		"one":             {[]string{"secrets"}, func(left []string) bool { return len(left) == len(needed)-1 }},
		"by a short name": {[]string{"cm", "svc"}, func(left []string) bool { return len(left) == len(needed)-2 }},
		"by a wildcard":   {[]string{"pod*"}, func(left []string) bool { return len(left) == len(needed)-3 }},
		"none that is":    {[]string{"nothing"}, func(left []string) bool { return len(left) == len(needed) }},
		"all known ones":  {needed, func(left []string) bool { return cmp.Equal(left, []string{"custom resources"}) }},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range []control.BackupFilters{{IncludedResources: tc.included}, {IncludedNamespaceScopedResources: tc.included}} {
				if c := Holds(&f, "web"); c.Extent != Partial || c.Reason != WhyResources || !tc.want(c.Left) {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}

// backup is one that holds everything, with edits.
func backup(edits ...func(*control.Backup)) control.Backup {
	started := now.Add(-3 * time.Hour)
	b := control.Backup{
		Meta: control.Meta{Namespace: "velero", Name: "nightly-20260302090000", UID: "b1", CreatedAt: started},
		Plan: "nightly", Cluster: control.BackupOfThisCluster, Location: "default", Phase: phaseCompleted,
		StartedAt: started, CompletedAt: started.Add(time.Minute), ExpiresAt: started.Add(720 * time.Hour), TTL: 720 * time.Hour,
		Filters: &control.BackupFilters{},
	}
	for _, edit := range edits {
		edit(&b)
	}
	return b
}

// TestCovers: which backups count, whatever they hold.
func TestCovers(t *testing.T) {
	full, notCompleted := summary{Extent: Full}, summary{None, WhyPhase, nil}
	cases := map[string]struct {
		edit    func(*control.Backup)
		counted v1alpha1.PartiallyFailed
		want    summary
	}{
		"completed":                         {edit: func(*control.Backup) {}, want: full},
		"of another cluster":                {edit: func(b *control.Backup) { b.Cluster = control.BackupOfAnother }, want: summary{None, WhyAnotherCluster, nil}},
		"of no cluster":                     {edit: func(b *control.Backup) { b.Cluster = "" }, want: summary{None, WhyUnlabelled, nil}},
		"asked to be deleted":               {edit: func(b *control.Backup) { b.Deleting = true }, want: summary{None, WhyDeleting, nil}},
		"being deleted":                     {edit: func(b *control.Backup) { b.Phase = phaseDeleting }, want: summary{None, WhyDeleting, nil}},
		"expires this second":               {edit: func(b *control.Backup) { b.ExpiresAt = now }, want: summary{None, WhyExpired, nil}},
		"expires in a second":               {edit: func(b *control.Backup) { b.ExpiresAt = now.Add(time.Second) }, want: full},
		"never expires":                     {edit: func(b *control.Backup) { b.ExpiresAt = time.Time{} }, want: full},
		"failed partially":                  {edit: func(b *control.Backup) { b.Phase = phasePartiallyFailed }, want: summary{None, WhyPartiallyFailed, nil}},
		"failed partially, rejected":        {edit: func(b *control.Backup) { b.Phase = phasePartiallyFailed }, counted: v1alpha1.PartiallyFailedRejected, want: summary{None, WhyPartiallyFailed, nil}},
		"failed partially, counted":         {edit: func(b *control.Backup) { b.Phase = phasePartiallyFailed }, counted: v1alpha1.PartiallyFailedCounted, want: full},
		"began with the namespace":          {edit: func(b *control.Backup) { b.StartedAt = made }, want: full},
		"began before the namespace":        {edit: func(b *control.Backup) { b.StartedAt = made.Add(-time.Second) }, want: summary{None, WhyOlder, nil}},
		"does not say when it began":        {edit: func(b *control.Backup) { b.StartedAt = time.Time{} }, want: notCompleted},
		"of other namespaces":               {edit: func(b *control.Backup) { b.Filters = &control.BackupFilters{IncludedNamespaces: []string{"shop"}} }, want: summary{None, WhyNotSelected, nil}},
		"without secrets":                   {edit: func(b *control.Backup) { b.Filters = &control.BackupFilters{ExcludedResources: []string{"secrets"}} }, want: leaves("secrets")},
		"expired, and of another namespace": {edit: func(b *control.Backup) { b.ExpiresAt = made; b.Filters.IncludedNamespaces = []string{"shop"} }, want: summary{None, WhyExpired, nil}},
	}
	for _, phase := range []string{"", "New", "Queued", "ReadyToStart", "InProgress", "WaitingForPluginOperations",
		"WaitingForPluginOperationsPartiallyFailed", "Finalizing", "FinalizingPartiallyFailed", "Failed", "FailedValidation", "NeverHeardOf"} {
		name := "phase " + phase
		tc := cases[name]
		tc.edit, tc.counted, tc.want = func(b *control.Backup) { b.Phase = phase }, v1alpha1.PartiallyFailedCounted, notCompleted
		cases[name] = tc
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := backup(tc.edit)
			if diff := cmp.Diff(tc.want, summaryOf(Covers(&b, web(), Rules{Now: now, PartiallyFailed: tc.counted}))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
