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
		{"make demo", "it takes minutes, checks its own claims, and stays up until it is interrupted", "hack/demo", "TestClaim"},
		{"make test", "it is all tests, this one included", "test/docs", "TestPages"},
		{"make image", "it builds for minutes", "test/image", "TestImage"},
		{"kind load image-archive", "there is no kind, and no container engine", "test/image", "TestImage"},
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
