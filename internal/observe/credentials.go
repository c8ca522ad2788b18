package observe

import (
	"slices"
	"strings"
	"unicode"
)

// telling are parts of the names of parameters that hold credentials, in lower
// case, and without punctuation.
var telling = []string{
	"password", "passwd", "passphrase", "secret", "token", "credential", "privatekey", "accesskey", "apikey", "accountkey", "userkey",
	"sharedkey", "authkey", "sastoken",
}

// naming are the ends of names of parameters that say where a credential is, or
// what it is called, and not what it is.
var naming = []string{"secretname", "secretnamespace", "secretref", "secretid", "tokenname", "tokenpath", "tokenaudience"}

// mayBeCredential reports whether the name of a parameter says that it holds a
// credential, or its value is an address with one in it.
func mayBeCredential(name, value string) bool {
	bare := strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	if slices.ContainsFunc(naming, func(end string) bool { return strings.HasSuffix(bare, end) }) {
		return false
	}
	if slices.ContainsFunc(telling, func(part string) bool { return strings.Contains(bare, part) }) {
		return true
	}
	_, address, found := strings.Cut(value, "://")
	return found && strings.Contains(address, "@")
}
