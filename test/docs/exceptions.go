package docs

import "strings"

// exception is a command of the pages that this test does not execute.
type exception struct {
	// command is how it begins.
	command string
	// reason is why it is not executed.
	reason string
	// covered is what executes it, or what it stands for, elsewhere: the folder of a
	// package and a test of it.
	folder, test string
}

// exceptions are all commands that are not executed.
func exceptions() []exception {
	return []exception{
		{"make demo-full", "it takes the real Velero", "test/docs", "TestDemoFull"},
		{"make demo", "it stays up until it is interrupted", "test/docs", "TestDemo"},
		{"make test", "it is all tests, this one included", "test/docs", "TestPages"},
		{"make image", "it builds for minutes", "test/image", "TestImage"},
		{"GOTOOLCHAIN=go1.26.8 make image", "it builds for minutes", "hack/release", "TestImageIsReproducible"},
		{"cat bin/image/digest", "it is what make image leaves", "hack/release/image", "TestIndex"},
		{"kind load image-archive", "there is no kind, and no container engine", "hack/release/image", "TestArchive"},
		{"(cd hack/release && go run . push", "there is no registry", "hack/release/image", "TestPush"},
		{"kubectl krew install", "there is no krew", "hack/release", "TestPlugin"},
		{"kubectl --namespace holdfast-system port-forward", "a pod of the test has no network to forward to", "test/metrics", "TestMetrics"},
		{"curl --insecure", "it reads what is forwarded", "test/metrics", "TestMetrics"},
		{"rule_files:", "it is a file of Prometheus's", "test/metrics", "TestMetrics"},
	}
}

// executedElsewhere are folders whose pages another test executes.
func executedElsewhere() []exception {
	return []exception{
		{"docs/runbooks/", "their commands need alerts to look at", "test/metrics", "TestMetrics"},
	}
}

// skips returns whether a command is an exception, and counts the uses.
func skips(list []exception, used map[string]int) func(command string) bool {
	return func(command string) bool {
		for _, e := range list {
			if strings.HasPrefix(command, e.command) {
				used[e.command]++
				return true
			}
		}
		return false
	}
}
