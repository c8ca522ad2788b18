package encryptionintransit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestCoversName(t *testing.T) {
	cases := []struct {
		name, host string
		want       bool
	}{
		{"a.x", "a.x", true}, {"A.X", "a.x", true}, {"a.x", "b.x", false}, {"*.x", "a.x", true}, {"*.x", "a.b.x", false}, {"*.x", "x", false},
		{"*.x", "*.x", true}, {"*.b.x", "*.x", false}, {"*.x", "*.b.x", false}, {"a.x", "*.x", false}, {"*", "a", false}, {"*.", "a.", false},
		{"", "", false}, {"a", "", false}, {"", "a", false}, {"*a.x", "ba.x", false}, {"a.*", "a.x", false}, {"*.x", ".x", false},
	}
	for _, tc := range cases {
		if got := coversName(tc.name, tc.host); got != tc.want {
			t.Errorf("coversName(%q, %q) = %v", tc.name, tc.host, got)
		}
	}
}

func TestMayOverlap(t *testing.T) {
	cases := []struct {
		a, b string
		want bool
	}{
		{"", "a.x", true}, {"a.x", "a.x", true}, {"a.x", "b.x", false}, {"*.x", "a.b.x", true}, {"*.x", "*.b.x", true}, {"*.x", "x", false}, {"*.a.x", "b.x", false},
	}
	for _, tc := range cases {
		if got := mayOverlap(tc.a, tc.b); got != tc.want || mayOverlap(tc.b, tc.a) != tc.want {
			t.Errorf("mayOverlap(%q, %q) = %v", tc.a, tc.b, got)
		}
	}
}

// FuzzCoversName: a host that is no wildcard is covered by a name exactly where a
// client that verifies a certificate of that name takes it for the host.
func FuzzCoversName(f *testing.F) {
	for _, seed := range [][2]string{{"a.x", "a.x"}, {"*.x", "a.x"}, {"*.x", "a.b.x"}, {"*.A.x", "b.a.X"}, {"*", "a"}, {"*.x", "x"}, {"xn--a.b", "xn--a.b"}, {"a_b.x", "a_b.x"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, host string) {
		got := coversName(name, host)
		if !isHost(host) || !isHost(strings.TrimPrefix(name, "*.")) {
			return
		}
		certificate := &x509.Certificate{DNSNames: []string{name}}
		if want := certificate.VerifyHostname(host) == nil; got != want {
			t.Errorf("coversName(%q, %q) = %v, a client says %v", name, host, got, want)
		}
	})
}

// isHost reports whether the API server takes it for the host of an Ingress, with
// more than one label: names of one are no names of the Internet to clients.
func isHost(host string) bool {
	if len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
				return false
			}
		}
	}
	return true
}

// FuzzIngress: whatever an Ingress says, each host is judged, a verdict never rests
// on nothing, and what is probed for is what is looked for.
func FuzzIngress(f *testing.F) {
	f.Add("a.x", "*.x", "secret", "true", "nginx", false)
	f.Add("", "", "", `[{"HTTP": 80}]`, "alb", true)
	f.Add("*.x", "a.x", "s", "443", "gce", false)
	f.Fuzz(func(t *testing.T, host, name, secret, annotation, class string, backend bool) {
		i := control.Ingress{Meta: control.Meta{Name: "web", UID: "i1"}, Class: class, DefaultBackend: backend, Hosts: []string{host},
			TLS: []control.IngressTLS{{Hosts: []string{name}, Secret: secret}}, Annotations: map[string]string{}, Addresses: []string{"10.0.0.1"}}
		for _, known := range control.IngressAnnotations() {
			i.Annotations[known] = annotation
		}
		s := stage(t, `ingress: {handshake: {}, takeOver: [Redirect]}`).enforced()
		s.Snapshot.Ingresses = []control.Ingress{i}
		for _, finding := range (Control{}).Evaluate(s.Input) {
			rests := finding.Rule == RuleHandshake || finding.Rule == RuleCertificates
			if rests && finding.Outcome == control.Conforming {
				t.Errorf("%s is Conforming with nothing observed", finding.Rule)
			}
			if len(finding.Message) > maxMessage || strings.Contains(finding.Message, "\n") && !strings.Contains(host+name+secret+annotation, "\n") {
				t.Errorf("the message is %q", finding.Message)
			}
		}
		changes, _ := Control{}.Wants(s.Input)
		for _, c := range changes { // nothing was found valid
			t.Errorf("%s %s is wanted", c.Kind, c.Name)
		}
	})
}

// FuzzPorts: what an annotation says of ports is read without a mistake about
// those that it names.
func FuzzPorts(f *testing.F) {
	f.Add("8080", int32(8080))
	f.Add("4567-4570", int32(4568))
	f.Add("-1", int32(1))
	f.Add("9-", int32(9))
	f.Fuzz(func(t *testing.T, text string, port int32) {
		r := readPorts(text)
		if number, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil && number == int64(port) && port > 0 && !r.touch(port) {
			t.Errorf("%q does not touch %d", text, port)
		}
		if r.within(nil) && r.last >= r.first {
			t.Errorf("%q is within no ports", text)
		}
	})
}

// TestWeakKeysAreWhatGoCallsThem: the names of algorithms are those of crypto/x509.
func TestWeakKeysAreWhatGoCallsThem(t *testing.T) {
	for algorithm, want := range map[x509.SignatureAlgorithm][2]bool{
		x509.SHA1WithRSA: {true, true}, x509.MD5WithRSA: {true, true}, x509.ECDSAWithSHA1: {true, true}, x509.DSAWithSHA1: {true, true},
		x509.SHA256WithRSA: {false, true}, x509.SHA384WithRSAPSS: {false, true}, x509.ECDSAWithSHA512: {false, true}, x509.PureEd25519: {false, true},
		x509.MD2WithRSA: {false, false}, x509.UnknownSignatureAlgorithm: {false, false},
	} {
		if weak, known := weakSignature(algorithm.String()); [2]bool{weak, known} != want {
			t.Errorf("%s is weak %v, known %v", algorithm, weak, known)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	v := &verdict{}
	judgeStrength(v, "it", &control.X509{Key: parsed.PublicKeyAlgorithm.String(), Bits: key.Curve.Params().BitSize, Signature: parsed.SignatureAlgorithm.String()})
	if len(v.against)+len(v.undecided) > 0 {
		t.Errorf("against %v, undecided %v", v.against, v.undecided)
	}
}

// TestAnnotationsAreObserved: what this package looks at is what is observed of
// Ingresses and pods, and nothing else is.
func TestAnnotationsAreObserved(t *testing.T) {
	var used []string
	for _, text := range literals(t) {
		if prefix, name, found := strings.Cut(text, "/"); found && strings.Contains(prefix, ".") && name != "" && !strings.ContainsAny(text, " %=") {
			used = append(used, text)
		}
	}
	observed := append(control.IngressAnnotations(), control.PodAnnotations()...)
	for _, other := range []string{ // no annotations
		"nginx.org/", "admissionregistration.k8s.io/v1", "networking.k8s.io/v1", "cert-manager.io/v1", "security.istio.io/v1",
		"kubernetes.io/metadata.name", "kubernetes.io/tls", "kubernetes.io/wss", "kubernetes.io/h2c", "kubernetes.io/ws",
	} {
		used = slices.DeleteFunc(used, func(text string) bool { return text == other })
	}
	slices.Sort(used)
	slices.Sort(observed)
	if diff := cmp.Diff(observed, slices.Compact(used)); diff != "" {
		t.Errorf("annotations (-observed +used):\n%s", diff)
	}
}

// literals are the texts in the package's own code.
func literals(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Clean(path), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		file.Imports = nil
		ast.Inspect(file, func(n ast.Node) bool {
			if _, imported := n.(*ast.ImportSpec); imported {
				return false
			}
			if literal, is := n.(*ast.BasicLit); is && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					texts = append(texts, text)
				}
			}
			return true
		})
	}
	return texts
}
