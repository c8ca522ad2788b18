package anchor

import (
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/digitorus/timestamp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func serveTSA(t *testing.T, answer func(w http.ResponseWriter, query []byte)) Anchor {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Content-Type"); r.Method != http.MethodPost || got != "application/timestamp-query" {
			t.Errorf("got %s with %s", r.Method, got)
		}
		query, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer(w, query)
	}))
	t.Cleanup(server.Close)
	a, err := New(v1alpha1.EvidenceAnchor{Name: "outside", Timestamp: &v1alpha1.TimestampAnchor{URL: server.URL}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthorityStamps(t *testing.T) {
	authority := newTSA(t, nil)
	a := serveTSA(t, func(w http.ResponseWriter, query []byte) { _, _ = w.Write(authority.answer(t, query, nil)) })
	if a.Name() != "outside" || a.Type() != ledger.AnchorTimestamp {
		t.Errorf("got %s %q", a.Type(), a.Name())
	}
	of := target(t, 7)
	got, err := a.Anchor(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	at, err := Verify(got.Receipt, Trust{TimestampRoots: authority.roots()})
	if err != nil || !at.Equal(noon) || !got.At.Equal(noon) {
		t.Errorf("at %s and %s, want %s (%v)", got.At, at, noon, err)
	}
	if held, err := LogNote(got.Receipt); err != nil || string(held) != string(of.Note) {
		t.Errorf("held checkpoint %q, want %q (%v)", held, of.Note, err)
	}
}

func TestAuthorityDoesNotStamp(t *testing.T) {
	authority := newTSA(t, nil)
	stamped := func(edit func(*timestamp.Timestamp)) func(http.ResponseWriter, []byte) {
		return func(w http.ResponseWriter, query []byte) { _, _ = w.Write(authority.answer(t, query, edit)) }
	}
	body := func(data []byte) func(http.ResponseWriter, []byte) {
		return func(w http.ResponseWriter, _ []byte) { _, _ = w.Write(data) }
	}
	refused, err := timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.TimeNotAvailable)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		answer func(http.ResponseWriter, []byte)
		want   string
	}{
		"a status":        {func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusServiceUnavailable) }, "it answered with status 503"},
		"a refusal":       {body(refused), "the request is rejected"},
		"nonsense":        {body([]byte("<html>")), "it gave no time stamp"},
		"too much":        {body(make([]byte, maxAnswer+1)), "more than 65536 bytes"},
		"another nonce":   {stamped(func(s *timestamp.Timestamp) { s.Nonce = big.NewInt(1) }), "the nonce is not ours"},
		"no nonce":        {stamped(func(s *timestamp.Timestamp) { s.Nonce = nil }), "the nonce is not ours"},
		"another message": {stamped(func(s *timestamp.Timestamp) { s.HashedMessage = make([]byte, 32) }), "it is not of this checkpoint"},
		"no certificate":  {stamped(func(s *timestamp.Timestamp) { s.AddTSACertificate = false }), "has no certificate"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := serveTSA(t, tc.answer).Anchor(t.Context(), target(t, 7))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %+v and %v, want an error with %q", got, err, tc.want)
			}
		})
	}
}
