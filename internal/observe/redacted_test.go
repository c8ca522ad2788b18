package observe

import "testing"

func TestRedacted(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"nothing to hide":   {`backup store "b" at https://example.com/b?prefix=p is not there`, `backup store "b" at https://example.com/b?prefix=p is not there`},
		"user and password": {`Get "https://user:p@ss@example.com/b": refused`, `Get "https://example.com/b": refused`},
		"a user alone":      {"s3+http://key@example.com", "s3+http://example.com"},
		"an at in a path":   {"https://example.com/a@b", "https://example.com/a@b"},
		"a signed address": {
			"PUT https://example.com/b?X-Amz-Credential=AK/1&X-Amz-Date=1&X-Amz-Signature=abc: denied",
			"PUT https://example.com/b?X-Amz-Credential=…&X-Amz-Date=1&X-Amz-Signature=… denied",
		},
		"a token":           {"https://example.com/b?sv=1&sig=a%2Fb&sp=r", "https://example.com/b?sv=1&sig=…&sp=r"},
		"ids of a request":  {"StatusCode: 403, RequestID: 1A, HostID: x/y=, api error Forbidden", "StatusCode: 403, api error Forbidden"},
		"without any id":    {"StatusCode: 0, RequestID: , HostID: , refused", "StatusCode: 0, refused"},
		"an id of its kind": {"request id: 17", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := redacted(tc.text); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
