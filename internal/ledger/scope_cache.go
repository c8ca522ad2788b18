package ledger

import (
	"bytes"
	"encoding/json"
)

// scopeCache remembers the scopes of the chunks of a schedule's newest manifests
// by their bytes: a chunk that differs from the one before does so in a few.
type scopeCache struct {
	now, before map[string]*ManifestScope
}

// turn forgets scopes that were not met for long, where there are far more than
// those of a manifest.
func (s *scopeCache) turn(manifest int) {
	if len(s.now) > 2*manifest+maxScopesBeside {
		s.before, s.now = s.now, nil
	}
}

// maxScopesBeside is how many scopes are kept at least that a manifest does not have.
const maxScopesBeside = 1000

// chunk is DecodeChunk, for which scopes that are known need not be decoded.
func (s *scopeCache) chunk(data []byte) (*ManifestChunk, error) {
	raws, ok := splitChunk(data)
	if !ok {
		return DecodeChunk(data)
	}
	chunk := &ManifestChunk{Schema: ChunkSchema, Scopes: make([]ManifestScope, len(raws))}
	for i, raw := range raws {
		scope, err := s.scope(raw)
		if err != nil {
			return DecodeChunk(data) // which says what is wrong
		}
		chunk.Scopes[i] = *scope
	}
	return chunk, nil
}

func (s *scopeCache) scope(raw []byte) (*ManifestScope, error) {
	scope := s.now[string(raw)]
	if scope == nil {
		scope = s.before[string(raw)]
	}
	if scope == nil {
		scope = &ManifestScope{}
		if err := json.Unmarshal(raw, scope); err != nil {
			return nil, err
		}
	}
	if s.now == nil {
		s.now = map[string]*ManifestScope{}
	}
	s.now[string(raw)] = scope
	return scope, nil
}

// splitChunk splits a chunk in canonical form into its scopes, which it does not
// look into. It returns false for what is not in that form.
func splitChunk(data []byte) (scopes [][]byte, ok bool) {
	rest, begins := bytes.CutPrefix(data, []byte(`{"schema":"`+ChunkSchema+`","scopes":[`))
	rest, ends := bytes.CutSuffix(rest, []byte("]}"))
	if !begins || !ends {
		return nil, false
	}
	for len(rest) > 0 {
		n := objectLength(rest)
		if n == 0 {
			return nil, false
		}
		scopes = append(scopes, rest[:n])
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
		if rest[0] != ',' || len(rest) == 1 {
			return nil, false
		}
		rest = rest[1:]
	}
	return scopes, true
}

// objectLength is the length of the object that data begins with; 0 if it begins
// with none.
func objectLength(data []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0:
			return 0
		}
	}
	return 0
}
