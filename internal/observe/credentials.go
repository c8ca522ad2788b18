package observe

import (
	"regexp"
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

// redacted returns a text without user names and passwords in its addresses, without
// what signs them, and without the ids that stores give to each request: what a text
// says then is the same each time.
func redacted(text string) string {
	text = userInfo.ReplaceAllString(text, "$1")
	text = signature.ReplaceAllString(text, "$1…")
	return requestID.ReplaceAllString(text, "")
}

// What a message may hold beside what it says.
var (
	userInfo  = regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^/\s"'?#]*@`)
	signature = regexp.MustCompile(`(?i)([?&][a-z0-9_-]*(?:sig|signature|credential|token|secret|key|password)[a-z0-9_-]*=)[^&\s"']+`)
	requestID = regexp.MustCompile(`(?i),? *\b(?:request ?id|host ?id|x-amz-request-id|x-amz-id-2): *[^,\s]*`)
)

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
