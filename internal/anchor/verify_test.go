package anchor

import (
	"bytes"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/digitorus/timestamp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func TestReceiptsThatDoNotVerify(t *testing.T) {
	c, other := newCosigner(t, "witness.example"), newCosigner(t, "witness.example")
	authority, stranger := newTSA(t, nil), newTSA(t, nil)
	using := func(usages ...x509.ExtKeyUsage) tsa {
		return newTSA(t, func(cert *x509.Certificate) { cert.ExtraExtensions, cert.ExtKeyUsage = nil, usages })
	}
	server := using(x509.ExtKeyUsageServerAuth)
	both := using(x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageServerAuth)
	uncritical := using(x509.ExtKeyUsageTimeStamping)
	of, longer := target(t, 7), target(t, 8)
	witnessed := c.receipt(t, of)
	stamped := authority.receipt(t, of, nil)
	edited := func(r ledger.Receipt, edit func(*ledger.Receipt)) ledger.Receipt {
		edit(&r)
		return r
	}
	trusts := func(a tsa) Trust { return Trust{TimestampRoots: a.roots(), WitnessKeys: []string{c.vkey}} }
	trust := trusts(authority)
	cases := map[string]struct {
		receipt ledger.Receipt
		trust   Trust
		want    string
	}{
		"a newer schema":             {edited(witnessed, func(r *ledger.Receipt) { r.Schema = "holdfast.dev/receipt/v2" }), trust, "a newer version"},
		"an unknown type":            {edited(witnessed, func(r *ledger.Receipt) { r.Type = "Notary" }), trust, `unknown type "Notary"`},
		"no trusted witness":         {witnessed, Trust{}, "no trusted witness key was given"},
		"a trusted key that is none": {witnessed, Trust{WitnessKeys: []string{"x"}}, `witness key "x"`},
		"only its own key":           {witnessed, Trust{WitnessKeys: []string{other.vkey}}, "no cosignature by a trusted key"},
		"cosignature of another checkpoint": {edited(witnessed, func(r *ledger.Receipt) {
			r.Checkpoint = string(of.Note) + c.line(t, longer.Note)
		}), trust, "no cosignature by a trusted key"},
		"no cosignature":        {edited(witnessed, func(r *ledger.Receipt) { r.Checkpoint = string(of.Note) }), trust, "no cosignature by a trusted key"},
		"nothing of the ledger": {edited(witnessed, func(r *ledger.Receipt) { r.Checkpoint = withoutLog(r.Checkpoint) }), trust, "not signed by the ledger"},
		"more lines": {edited(witnessed, func(r *ledger.Receipt) {
			r.Checkpoint = strings.Replace(r.Checkpoint, "\n\n", "\n\nmore\n\n", 1)
		}), trust, "not a signed note of three lines"},
		"another log": {edited(witnessed, func(r *ledger.Receipt) {
			r.Checkpoint = strings.ReplaceAll(r.Checkpoint, "holdfast.dev/ledger/", "example.com/log/")
		}), trust, "does not begin with"},
		"no note":                  {edited(witnessed, func(r *ledger.Receipt) { r.Checkpoint = "" }), trust, "not a signed note of three lines"},
		"a long note":              {edited(witnessed, func(r *ledger.Receipt) { r.Checkpoint += strings.Repeat("x", maxNote) }), trust, "at most 16384 are allowed"},
		"no trusted root":          {stamped, Trust{}, "no trusted root certificate was given"},
		"another root":             {stamped, trusts(stranger), "not by a trusted authority"},
		"a server's certificate":   {server.receipt(t, of, nil), trusts(server), "not for time stamps only"},
		"not for time stamps only": {both.receipt(t, of, nil), trusts(both), "not for time stamps only"},
		"usage not critical":       {uncritical.receipt(t, of, nil), trusts(uncritical), "not for time stamps only"},
		"stamp of another checkpoint": {edited(stamped, func(r *ledger.Receipt) { r.Checkpoint = string(longer.Note) }), trust,
			"it is not of this checkpoint"},
		"no certificate between": {authority.receipt(t, of, func(s *timestamp.Timestamp) { s.Certificates = nil }), trust,
			"not by a trusted authority"},
		"before the certificate": {authority.receipt(t, of, func(s *timestamp.Timestamp) { s.Time = noon.AddDate(-2, 0, 0) }), trust,
			"not by a trusted authority"},
		"after the certificate": {authority.receipt(t, of, func(s *timestamp.Timestamp) { s.Time = noon.AddDate(45, 0, 0) }), trust,
			"not by a trusted authority"},
		"a token of lengths that overlap": {edited(stamped, func(r *ledger.Receipt) { r.Token = overlapping(60) }), trust, "it is not DER"},
		"a token in a token in a token":   {edited(stamped, func(r *ledger.Receipt) { r.Token = nested(60) }), trust, "nested too deeply"},
		"no token":                        {edited(stamped, func(r *ledger.Receipt) { r.Token = nil }), trust, "cannot be read"},
		"a long token":                    {edited(stamped, func(r *ledger.Receipt) { r.Token = make([]byte, maxAnswer+1) }), trust, "at most 65536 are allowed"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if at, err := Verify(tc.receipt, tc.trust); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %s and %v, want an error with %q", at, err, tc.want)
			}
		})
	}
}

// overlapping are values that each say to end before the values in them do: a
// lax parser reads what follows twice, on every level.
func overlapping(levels int) []byte {
	var der []byte
	for range levels {
		der = append([]byte{0x30, 4, 0x30, 0x82, byte(len(der) >> 8), byte(len(der))}, der...)
	}
	return append([]byte{0x30, 0x82, byte(len(der) >> 8), byte(len(der))}, der...)
}

// nested are values within each other.
func nested(levels int) []byte {
	var der []byte
	for range levels {
		der = append([]byte{0x30, 0x82, byte(len(der) >> 8), byte(len(der))}, der...)
		if size := len(der) - 4; size < 128 {
			der = append([]byte{0x30, byte(size)}, der[4:]...)
		} else if size < 256 {
			der = append([]byte{0x30, 0x81, byte(size)}, der[4:]...)
		}
	}
	return der
}

// withoutLog removes the ledger's own signature.
func withoutLog(note string) string {
	text, signatures, _ := strings.Cut(note, "\n\n")
	_, others, _ := strings.Cut(signatures, "\n")
	return text + "\n\n" + others
}

// TestEveryByteOfAReceiptCounts: no changed byte of a token or of the text of a
// checkpoint verifies as something else.
func TestEveryByteOfAReceiptCounts(t *testing.T) {
	c, authority := newCosigner(t, "witness.example"), newTSA(t, nil)
	trust := Trust{WitnessKeys: []string{c.vkey}, TimestampRoots: authority.roots()}
	of := target(t, 7)
	witnessed, stamped := c.receipt(t, of), authority.receipt(t, of, nil)
	for i := range len(of.Note) {
		for name, receipt := range map[string]ledger.Receipt{"witness": witnessed, "time stamp": stamped} {
			changed := []byte(receipt.Checkpoint)
			changed[i] ^= 1
			receipt.Checkpoint = string(changed)
			held, err := LogNote(receipt)
			if err == nil && bytes.Equal(held, of.Note) {
				t.Errorf("%s: byte %d of the note: the held checkpoint is the same", name, i)
			}
			if name == "witness" && i > bytes.LastIndex(of.Note, []byte("\n\n")) {
				continue // the ledger's own signature is checked by whoever opens it
			}
			if _, err := Verify(receipt, trust); err == nil {
				t.Errorf("%s: byte %d of the checkpoint changed, and it verifies", name, i)
			}
		}
	}
	for i := range stamped.Token {
		receipt := stamped
		receipt.Token = bytes.Clone(stamped.Token)
		receipt.Token[i] ^= 1
		if at, err := Verify(receipt, trust); err == nil && !at.Equal(noon) {
			t.Errorf("byte %d of the token changed, and it says %s", i, at)
		}
	}
}

func FuzzReceiptWitness(f *testing.F) {
	const vkey = "witness.example+b7afa61d+BDP3DGrNm0CYxqzJvqq4eWdQ6zmsa2ckhUh3bM6ZkZzb"
	f.Add("holdfast.dev/ledger/abababababababababababababababab\n7\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n— a b\n", vkey)
	f.Add("a\n1\nAA==\n\n— a AAAA\n", "x")
	f.Fuzz(func(t *testing.T, checkpoint, vkey string) {
		r := ledger.Receipt{Schema: ledger.ReceiptSchema, Type: ledger.AnchorWitness, Checkpoint: checkpoint}
		if at, err := Verify(r, Trust{WitnessKeys: []string{vkey}}); err == nil && at.Unix() <= 0 {
			t.Errorf("it verifies at %s", at)
		}
		if held, err := LogNote(r); err == nil && !strings.HasPrefix(checkpoint, string(held[:bytes.LastIndex(held, []byte("\n\n"))])) {
			t.Errorf("%q is held of %q", held, checkpoint)
		}
	})
}

func FuzzReceiptTimestamp(f *testing.F) {
	authority, stranger := newTSA(f, nil), newTSA(f, nil)
	of := target(f, 7)
	f.Add(authority.receipt(f, of, nil).Token)
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, token []byte) {
		r := ledger.Receipt{Schema: ledger.ReceiptSchema, Type: ledger.AnchorTimestamp, Checkpoint: string(of.Note), Token: token}
		if at, err := Verify(r, Trust{TimestampRoots: stranger.roots()}); err == nil {
			t.Errorf("a token of nobody verifies at %s", at)
		}
	})
}
