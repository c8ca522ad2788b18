package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// keyValue is what etcd's gateway says of a key.
type keyValue struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// Stored returns what etcd stores under a key, such as
// /registry/secrets/default/name: past every API server.
func (cp *ControlPlane) Stored(ctx context.Context, key string) ([]byte, error) {
	var answer struct {
		Kvs []keyValue `json:"kvs"`
	}
	if err := cp.askEtcd(ctx, "/v3/kv/range", map[string]any{"key": []byte(key)}, &answer); err != nil {
		return nil, err
	}
	if len(answer.Kvs) != 1 {
		return nil, fmt.Errorf("etcd has %d values under %s, not one", len(answer.Kvs), key)
	}
	return answer.Kvs[0].Value, nil
}

// Revision returns etcd's revision, which every write increases.
func (cp *ControlPlane) Revision(ctx context.Context) (int64, error) {
	var answer struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	if err := cp.askEtcd(ctx, "/v3/kv/range", map[string]any{"key": []byte("/")}, &answer); err != nil {
		return 0, err
	}
	return strconv.ParseInt(answer.Header.Revision, 10, 64)
}

// StoredSince returns the first value that was stored under a key after a revision
// and begins with prefix, also where it was deleted again. It waits for one until
// ctx is done.
func (cp *ControlPlane) StoredSince(ctx context.Context, key string, revision int64, prefix string) ([]byte, error) {
	watch := map[string]any{"create_request": map[string]any{"key": []byte(key), "start_revision": revision + 1}}
	body, err := cp.postEtcd(ctx, "/v3/watch", watch)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	for answers := json.NewDecoder(body); ; {
		var answer struct {
			Result struct {
				Events []struct {
					Type string   `json:"type"`
					Kv   keyValue `json:"kv"`
				} `json:"events"`
			} `json:"result"`
		}
		if err := answers.Decode(&answer); err != nil {
			return nil, fmt.Errorf("watch %s in etcd: %w", key, err)
		}
		for _, event := range answer.Result.Events {
			if event.Type != "DELETE" && bytes.HasPrefix(event.Kv.Value, []byte(prefix)) {
				return event.Kv.Value, nil
			}
		}
	}
}

// askEtcd asks etcd's gateway, and decodes its one answer.
func (cp *ControlPlane) askEtcd(ctx context.Context, path string, question, answer any) error {
	body, err := cp.postEtcd(ctx, path, question)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("ask etcd for %s: %w", path, err)
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("ask etcd for %s: decode %s: %w", path, data, err)
	}
	return nil
}

// postEtcd asks etcd's gateway. The caller closes the answer.
func (cp *ControlPlane) postEtcd(ctx context.Context, path string, question any) (io.ReadCloser, error) {
	data, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cp.EtcdURL()+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("ask etcd for %s: %s", path, response.Status)
	}
	return response.Body, nil
}
