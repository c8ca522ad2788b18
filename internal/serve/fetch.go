package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

// get fetches a file of at most so many bytes.
func (r *Remote) get(ctx context.Context, name string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.Base.JoinPath(name).String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read only
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	default:
		return nil, fmt.Errorf("%s: status %d: %s", name, resp.StatusCode, reasonOf(resp.Body))
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", name, limit)
	}
	return data, err
}

// reasonOf is why a request was refused: in the words of the API server, where it
// is its proxy that refused, and otherwise the beginning of what was said.
func reasonOf(body io.Reader) string {
	said, _ := io.ReadAll(io.LimitReader(body, 4096))
	var status struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(said, &status); err == nil && status.Message != "" {
		return status.Message
	}
	return strings.TrimSpace(string(said[:min(len(said), 200)]))
}
