// Package apiserver talks to an API server about what may be secret. It does so
// without client-go's requests, which log bodies at a high verbosity, and it quotes
// nothing of an answer by itself.
package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
)

// maxBody bounds what is read of an answer: the API server bounds objects to less.
const maxBody = 8 << 20

// Client talks to one API server. The zero value is not usable.
type Client struct {
	http *http.Client
	base *url.URL
}

// Answer is what an API server says besides an object.
type Answer struct {
	Code int
	// Warnings are the texts of the warning headers.
	Warnings []string
	// Status is why a request was refused; nil where it was not.
	Status *metav1.Status
}

// Refusal is an answer that is none of success.
type Refusal struct{ Answer }

// Error names the code and the reason, and quotes nothing else.
func (r *Refusal) Error() string {
	if r.Status != nil && r.Status.Reason != "" {
		return fmt.Sprintf("refused: %d %s", r.Code, r.Status.Reason)
	}
	return fmt.Sprintf("refused: %d", r.Code)
}

// Code returns the code of a refusal, and 0 for any other error.
func Code(err error) int {
	var refused *Refusal
	if errors.As(err, &refused) {
		return refused.Code
	}
	return 0
}

// New returns a client of the API server that a configuration names.
func New(config *rest.Config) (*Client, error) {
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("find the API server's address: %w", err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client of the API server: %w", err)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{http: client, base: base}, nil
}

// At returns a client of one API server out of several, at an address with a port.
// It has connections of its own, which Close ends: what it asks for is answered by
// one and the same server, even where that is behind a load balancer of connections.
func At(config *rest.Config, endpoint string) (*Client, error) {
	direct := rest.CopyConfig(config)
	direct.Host = "https://" + endpoint
	direct.ServerName = "kubernetes.default.svc"
	direct.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	return New(direct)
}

// Close ends the connections that are idle.
func (c *Client) Close() { utilnet.CloseIdleConnectionsFor(c.http.Transport) }

// Do sends a request, with body as JSON unless it is nil, and decodes the answer
// into out unless that is nil. The error is a *Refusal, or one of the connection, or says
// that the answer is no such object.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body, out any) (Answer, error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return Answer{}, errors.New("the request is no JSON")
		}
		content = bytes.NewReader(encoded)
	}
	response, err := c.send(ctx, method, path, query, content) //nolint:bodyclose // drain closes it
	if err != nil {
		return Answer{}, err
	}
	defer drain(response.Body)
	answer := Answer{Code: response.StatusCode, Warnings: warnings(response.Header)}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return answer, err
	}
	defer clear(data)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		answer.Status = status(data)
		return answer, &Refusal{answer}
	}
	if out == nil {
		return answer, nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return answer, errors.New("the answer is not what was asked for") // the error may quote it
	}
	return answer, nil
}

// Stream gets a text. The caller closes it.
func (c *Client) Stream(ctx context.Context, path string) (io.ReadCloser, error) {
	response, err := c.send(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		drain(response.Body)
		return nil, &Refusal{Answer{Code: response.StatusCode}}
	}
	return response.Body, nil
}

// send sends a request.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, content io.Reader) (*http.Response, error) {
	target := c.base.JoinPath(path)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), content)
	if err != nil {
		return nil, errors.New("the request cannot be made")
	}
	if content != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	return response, nil
}

// drain reads what little is left of a body, so that the connection serves again.
func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 1<<16))
	_ = body.Close()
}

// status decodes why a request was refused.
func status(data []byte) *metav1.Status {
	var s metav1.Status
	if json.Unmarshal(data, &s) != nil || s.Kind != "Status" {
		return nil
	}
	return &s
}

// warnings are the texts of warning headers.
func warnings(header http.Header) []string {
	parsed, _ := utilnet.ParseWarningHeaders(header.Values("Warning")) // those that are none are nobody's loss
	var texts []string
	for _, w := range parsed {
		texts = append(texts, strings.TrimSpace(w.Text))
	}
	return texts
}
