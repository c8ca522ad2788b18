package canary

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// operation is a line of the metric that counts transformations.
func operation(resource, kind, prefix, status string, count int) string {
	return fmt.Sprintf("apiserver_storage_transformation_operations_total{resource=%q,status=%q,transformation_type=%q,transformer_prefix=%q} %d\n",
		resource, status, kind, prefix, count)
}

// created is a line of the metric that counts requests.
func created(resource string, count int) string {
	return fmt.Sprintf(`apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource=%q,scope="resource",subresource="",verb="POST",version="v1"} %d`+"\n",
		resource, count)
}

func keyUse(metric, kind, provider, hash string, value float64) string {
	return fmt.Sprintf("%s{apiserver_id_hash=\"sha256:a\",key_id_hash=%q,provider_name=%q,transformation_type=%q} %g\n", metric, hash, provider, kind, value)
}

const start = "process_start_time_seconds 1.7e+09\n"

// scrape is the text of an API server's metrics, with what nobody asked for.
func scrape(lines ...string) string {
	return "# HELP go_goroutines [ALPHA] Number of goroutines.\n# TYPE go_goroutines gauge\ngo_goroutines 1200\n" +
		strings.Join(lines, "") + `apiserver_request_duration_seconds_bucket{verb="POST",resource="secrets",le="+Inf"} 5` + "\n"
}

func TestGrowth(t *testing.T) {
	tests := map[string]struct {
		before, after []string
		want          *control.Stored
		wantProviders []string
		wantRestarted bool
		wantServed    bool
	}{
		"a local key": {
			before: []string{start, operation("secrets", "to_storage", "k8s:enc:aesgcm:v1:", "OK", 5), operation("secrets", "to_storage", "key1:", "OK", 5)},
			after: []string{start, operation("secrets", "to_storage", "k8s:enc:aesgcm:v1:", "OK", 6), operation("secrets", "to_storage", "key1:", "OK", 6),
				operation("secrets", "from_storage", "k8s:enc:aesgcm:v1:", "OK", 9), created("secrets", 1)},
			want:          &control.Stored{Prefixes: map[string]int{"k8s:enc:aesgcm:v1:": 1}, Keys: map[string]int{"key1": 1}},
			wantProviders: []string{"k8s:enc:aesgcm:v1:"}, wantServed: true,
		},
		"others write, too": {
			before:        []string{start, operation("secrets", "to_storage", "k8s:enc:secretbox:v1:", "OK", 5)},
			after:         []string{start, operation("secrets", "to_storage", "k8s:enc:secretbox:v1:", "OK", 99)},
			want:          &control.Stored{Prefixes: map[string]int{"k8s:enc:secretbox:v1:": 1}, Keys: map[string]int{}},
			wantProviders: []string{"k8s:enc:secretbox:v1:"},
		},
		"identity": {
			before: []string{start},
			after: []string{start, operation("secrets", "to_storage", "", "OK", 1), operation("secrets", "from_storage", "identity", "OK", 345),
				`apiserver_encryption_config_controller_last_config_info{apiserver_id_hash="sha256:a",hash="sha256:c"} 1` + "\n"},
			want:          &control.Stored{Prefixes: map[string]int{"": 1}, Keys: map[string]int{}, ReadInTheClear: 300, ConfigHash: "sha256:c"},
			wantProviders: []string{""},
		},
		"failures and other resources do not count": {
			before:        []string{start},
			after:         []string{start, operation("secrets", "to_storage", "k8s:enc:aescbc:v1:", "Unknown", 3), operation("configmaps", "to_storage", "", "OK", 3), created("configmaps", 4)},
			want:          &control.Stored{Prefixes: map[string]int{}, Keys: map[string]int{}},
			wantProviders: nil,
		},
		"the config is replaced in between": {
			before:        []string{start},
			after:         []string{start, operation("secrets", "to_storage", "", "OK", 1), operation("secrets", "to_storage", "k8s:enc:aescbc:v1:", "OK", 1)},
			want:          &control.Stored{Prefixes: map[string]int{"": 1, "k8s:enc:aescbc:v1:": 1}, Keys: map[string]int{}},
			wantProviders: []string{"", "k8s:enc:aescbc:v1:"},
		},
		"KMS v2: the key that was just used comes first, then the newest": {
			before: []string{start, keyUse(keyUses, "to_storage", "vault", "sha256:b", 7), keyUse(keyUses, "to_storage", "vault", "sha256:a", 7)},
			after: []string{start, operation("secrets", "to_storage", "k8s:enc:kms:v2:vault:", "OK", 1),
				keyUse(keyUses, "to_storage", "vault", "sha256:a", 7), keyUse(keyLastUse, "to_storage", "vault", "sha256:a", 100),
				keyUse(keyUses, "to_storage", "vault", "sha256:b", 7), keyUse(keyLastUse, "to_storage", "vault", "sha256:b", 200),
				keyUse(keyUses, "to_storage", "vault", "sha256:c", 1), keyUse(keyLastUse, "to_storage", "vault", "sha256:c", 150),
				keyUse(keyUses, "to_storage", "other", "sha256:d", 9), keyUse(keyLastUse, "to_storage", "other", "sha256:d", 900),
				keyUse(keyUses, "from_storage", "vault", "sha256:e", 9)},
			want: &control.Stored{Prefixes: map[string]int{"k8s:enc:kms:v2:vault:": 1}, Keys: map[string]int{},
				KeyIDs: []string{"sha256:c", "sha256:b", "sha256:a"}},
			wantProviders: []string{"k8s:enc:kms:v2:vault:"},
		},
		"before Kubernetes 1.32": {
			before: []string{start},
			after: []string{start, `apiserver_storage_transformation_operations_total{status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:aescbc:v1:"} 1` + "\n",
				`apiserver_storage_transformation_operations_total{status="OK",transformation_type="from_storage",transformer_prefix="identity"} 1` + "\n"},
			want:          &control.Stored{Prefixes: map[string]int{"k8s:enc:aescbc:v1:": 1}, Keys: map[string]int{}, Unlabelled: true},
			wantProviders: []string{"k8s:enc:aescbc:v1:"},
		},
		"another process": {
			before:        []string{start},
			after:         []string{"process_start_time_seconds 1.8e+09\n", operation("secrets", "to_storage", "", "OK", 1)},
			want:          &control.Stored{Prefixes: map[string]int{"": 1}, Keys: map[string]int{}},
			wantProviders: []string{""}, wantRestarted: true,
		},
		"another process that does not say so": {
			before:        []string{operation("secrets", "to_storage", "", "OK", 10)},
			after:         []string{operation("secrets", "to_storage", "", "OK", 1)},
			want:          &control.Stored{Prefixes: map[string]int{}, Keys: map[string]int{}},
			wantRestarted: true,
		},
		"a dry run, a failure and an eviction are no creation": {
			before: []string{start, created("secrets", 1)},
			after: []string{start, created("secrets", 1), strings.Replace(created("secrets", 9), `dry_run=""`, `dry_run="All"`, 1),
				strings.Replace(created("secrets", 9), "201", "409", 1), strings.Replace(created("secrets", 9), `group=""`, `group="other.example.com"`, 1)},
			want: &control.Stored{Prefixes: map[string]int{}, Keys: map[string]int{}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before, after := reads(t, test.before), reads(t, test.after)
			g := grown(before, after)
			if diff := cmp.Diff(test.want, g.stored(after)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.wantProviders, g.providers()); diff != "" {
				t.Errorf("providers (-want +got):\n%s", diff)
			}
			if g.restarted != test.wantRestarted || g.served != test.wantServed {
				t.Errorf("restarted %t, served %t", g.restarted, g.served)
			}
		})
	}
}

func reads(t *testing.T, lines []string) *reading {
	t.Helper()
	samples, err := parse(strings.NewReader(scrape(lines...)), "secrets")
	if err != nil {
		t.Fatal(err)
	}
	return read(samples, "secrets")
}

func TestAtLeast(t *testing.T) {
	for count, want := range map[float64]int64{0: 0, 9: 9, 10: 10, 19: 10, 345: 300, 1e300: 9e15} {
		if got := atLeast(count); got != want {
			t.Errorf("%g: got %d, want %d", count, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]string{
		"a line without end":     strings.Repeat("x", maxLine+1),
		"no text format":         operations + "{resource=secrets} 1\n",
		"a value that is none":   startTime + " soon\n",
		"more than is looked at": strings.Repeat(operation("secrets", "to_storage", strings.Repeat("p", 60<<10), "OK", 1), 80),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if samples, err := parse(strings.NewReader(text), "secrets"); err == nil {
				t.Errorf("got %d samples", len(samples))
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(scrape(start, operation("secrets", "to_storage", "k8s:enc:aesgcm:v1:", "OK", 5), operation("secrets", "from_storage", "identity", "OK", 5)),
		scrape(start, operation("secrets", "to_storage", "k8s:enc:aesgcm:v1:", "OK", 6), created("secrets", 7), keyUse(keyUses, "to_storage", "v", "h", 3)))
	f.Add(operations+"{} NaN\n", startTime+" +Inf\n"+operations+"{transformation_type=\"to_storage\",status=\"OK\"} 1e308\n")
	f.Fuzz(func(t *testing.T, first, second string) {
		before, err := parse(strings.NewReader(first), "secrets")
		if err != nil {
			return
		}
		after, err := parse(strings.NewReader(second), "secrets")
		if err != nil {
			return
		}
		last := read(after, "secrets")
		g := grown(read(before, "secrets"), last)
		stored := g.stored(last)
		if stored.ReadInTheClear < 0 || len(stored.KeyIDs) > maxKeyIDs || len(g.providers()) > len(stored.Prefixes) {
			t.Errorf("got %+v", stored)
		}
	})
}
