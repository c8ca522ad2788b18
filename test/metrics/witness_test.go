package metrics

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// witness cosigns every checkpoint that it is given. What a witness refuses is
// tested elsewhere.
type witness struct{ url, key string }

func newWitness(t *testing.T) witness {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := f_note.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	if vkey, err = f_note.VKeyToCosignatureV1(vkey); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line, err := cosign(signer, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = w.Write(line)
	}))
	t.Cleanup(server.Close)
	return witness{server.URL, vkey}
}

// cosign answers a request of C2SP tlog-witness: the size that is known, a proof, an
// empty line, and the checkpoint.
func cosign(signer note.Signer, request io.Reader) ([]byte, error) {
	body, err := io.ReadAll(request)
	if err != nil {
		return nil, err
	}
	_, checkpoint, _ := bytes.Cut(body, []byte("\n\n"))
	text := checkpoint[:bytes.LastIndex(checkpoint, []byte("\n\n"))+1]
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		return nil, err
	}
	return signed[len(text)+1:], nil
}
