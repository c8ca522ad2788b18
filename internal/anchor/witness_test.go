package anchor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// asked is what a witness was asked.
type asked struct {
	old   string
	proof int
	note  string
}

// serveWitness serves a witness, and returns its anchor and what it is asked.
func serveWitness(t *testing.T, vkey string, answer func(http.ResponseWriter, asked)) (Anchor, *[]asked) {
	t.Helper()
	var all []asked
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := readAsked(t, r)
		all = append(all, a)
		answer(w, a)
	}))
	t.Cleanup(server.Close)
	a, err := New(v1alpha1.EvidenceAnchor{Name: "outside", Witness: &v1alpha1.WitnessAnchor{URL: server.URL + "/w/", VerifierKey: vkey}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a, &all
}

func readAsked(t *testing.T, r *http.Request) asked {
	t.Helper()
	if r.Method != http.MethodPost || r.URL.Path != "/w/add-checkpoint" {
		t.Errorf("got %s %s", r.Method, r.URL)
	}
	body := bufio.NewReader(r.Body)
	old, _ := body.ReadString('\n')
	a := asked{old: strings.TrimSuffix(old, "\n")}
	for {
		line, err := body.ReadString('\n')
		if err != nil {
			t.Errorf("the request ends in its proof: %v", err)
			return a
		}
		if line == "\n" {
			break
		}
		a.proof++
	}
	rest, err := io.ReadAll(body)
	if err != nil {
		t.Error(err)
	}
	a.note = string(rest)
	return a
}

// conflict says that the witness has another size.
func conflict(w http.ResponseWriter, size string) {
	w.Header().Set("Content-Type", "text/x.tlog.size")
	w.WriteHeader(http.StatusConflict)
	_, _ = io.WriteString(w, size)
}

func TestWitnessCosigns(t *testing.T) {
	c, others := newCosigner(t, "witness.example"), newCosigner(t, "other.example")
	has := 0
	a, all := serveWitness(t, c.vkey, func(w http.ResponseWriter, a asked) {
		if a.old != fmt.Sprintf("old %d", has) {
			conflict(w, fmt.Sprintf("%d\n", has))
			return
		}
		_, _ = io.WriteString(w, others.line(t, []byte(a.note))+c.line(t, []byte(a.note)))
	})
	if a.Name() != "outside" || a.Type() != ledger.AnchorWitness {
		t.Errorf("got %s %q", a.Type(), a.Name())
	}
	begun := time.Now().Add(-time.Second)
	var want []asked
	for _, size := range []int{5, 9, 9} {
		of := target(t, uint64(size))
		got, err := a.Anchor(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		if got.At.Before(begun) || got.At.After(time.Now().Add(time.Second)) {
			t.Errorf("at %s", got.At)
		}
		if strings.Contains(got.Receipt.Checkpoint, "other.example") {
			t.Error("the receipt keeps what another signed")
		}
		proof := 0
		if has > 0 && has < size {
			proof = 1
		}
		want = append(want, asked{fmt.Sprintf("old %d", has), proof, string(of.Note)})
		if at, err := Verify(got.Receipt, Trust{WitnessKeys: []string{others.vkey, c.vkey}}); err != nil || !at.Equal(got.At) {
			t.Errorf("verify: %s, want %s (%v)", at, got.At, err)
		}
		if held, err := LogNote(got.Receipt); err != nil || string(held) != string(of.Note) {
			t.Errorf("held checkpoint %q, want %q (%v)", held, of.Note, err)
		}
		has = size
	}
	if diff := cmp.Diff(want, *all, cmp.AllowUnexported(asked{})); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	has = 3 // the witness was set back: what was known of it is only a hint
	if _, err := a.Anchor(t.Context(), target(t, 9)); err != nil {
		t.Error(err)
	}
}

func TestWitnessDoesNotCosign(t *testing.T) {
	c, others := newCosigner(t, "witness.example"), newCosigner(t, "other.example")
	status := func(code int) func(http.ResponseWriter, asked) {
		return func(w http.ResponseWriter, _ asked) { w.WriteHeader(code) }
	}
	body := func(text string) func(http.ResponseWriter, asked) {
		return func(w http.ResponseWriter, _ asked) { _, _ = io.WriteString(w, text) }
	}
	size := func(text string) func(http.ResponseWriter, asked) {
		return func(w http.ResponseWriter, _ asked) { conflict(w, text) }
	}
	turn := 0
	cases := map[string]struct {
		answer           func(http.ResponseWriter, asked)
		want             string
		wantContradicted bool
	}{
		"unknown log":       {status(404), "witness witness.example: it does not know the log holdfast.dev/ledger/abab", false},
		"another key":       {status(403), "with another key", false},
		"refused proof":     {status(422), "refused the proof", true},
		"too often":         {status(429), "anchor less often", false},
		"any other status":  {status(500), "it answered with status 500 Internal Server Error", false},
		"another root":      {status(409), "another root of the same size", true},
		"it has more":       {size("8\n"), "it cosigned 8 entries, there are 7", true},
		"no size":           {size("eight\n"), "where a size must be", false},
		"size after size":   {func(w http.ResponseWriter, _ asked) { turn++; conflict(w, fmt.Sprintf("%d\n", turn)) }, "it named another size 4 times", false},
		"nothing":           {body(""), "without a cosignature", false},
		"no signature":      {body("hello\n"), "without a cosignature by the declared key", false},
		"another signature": {func(w http.ResponseWriter, a asked) { _, _ = io.WriteString(w, others.line(t, []byte(a.note))) }, "by the declared key", false},
		"of another note": {func(w http.ResponseWriter, _ asked) {
			_, _ = io.WriteString(w, c.line(t, target(t, 6).Note))
		}, "by the declared key", false},
		"too much": {body(strings.Repeat("x", maxAnswer+1)), "more than 65536 bytes", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a, _ := serveWitness(t, c.vkey, tc.answer)
			got, err := a.Anchor(t.Context(), target(t, 7))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %+v and %v, want an error with %q", got, err, tc.want)
			}
			if errors.Is(err, ErrContradicted) != tc.wantContradicted {
				t.Errorf("%v: contradicted, want %t", err, tc.wantContradicted)
			}
		})
	}
}

func TestAnchorsThatCannotBe(t *testing.T) {
	c, other := newCosigner(t, "witness.example"), newCosigner(t, "witness.example")
	name, _, _ := strings.Cut(c.vkey, "+")
	_, wrong, _ := strings.Cut(other.vkey, "+")
	hash, _, _ := strings.Cut(wrong, "+")
	mixed := name + "+" + hash + c.vkey[len(name)+1+len(hash):]
	cases := map[string]struct {
		spec v1alpha1.EvidenceAnchor
		want string
	}{
		"neither":          {v1alpha1.EvidenceAnchor{Name: "a"}, `anchor "a" is neither`},
		"no key":           {v1alpha1.EvidenceAnchor{Name: "a", Witness: &v1alpha1.WitnessAnchor{URL: "http://w", VerifierKey: "me+1+2"}}, `anchor "a": witness key "me+1+2": `},
		"hash of another":  {v1alpha1.EvidenceAnchor{Name: "a", Witness: &v1alpha1.WitnessAnchor{URL: "http://w", VerifierKey: mixed}}, "its hash is not that of its name and key"},
		"no authority url": {v1alpha1.EvidenceAnchor{Name: "a", Timestamp: &v1alpha1.TimestampAnchor{}}, "has no url"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := New(tc.spec, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
