package handshake

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// maxHeader bounds what is read of an answer's header, maxTo what is told of where it
// leads to.
const (
	maxHeader = 64 << 10
	maxTo     = 300
)

// plain asks for the host's root in the clear, and says how that was answered. It
// follows no redirect, and reads nothing of the body.
func (p *Prober) plain(ctx context.Context, target control.HandshakeTarget, served *control.Served) {
	ctx, cancel := context.WithTimeout(ctx, p.limit())
	defer cancel()
	host := target.Host
	if host == "" {
		host = target.Address
	}
	transport := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address(target.Address, target.HTTPPort)+"/", nil)
	if err != nil {
		served.HTTP = control.HTTPUnanswered
		return
	}
	request.Host = host
	request.Header.Set("User-Agent", "holdfast")
	response, err := transport.RoundTrip(request)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		served.HTTP = control.HTTPRefused
	case err != nil:
		served.HTTP = control.HTTPUnanswered
	default:
		_ = response.Body.Close()
		served.HTTPStatus = response.StatusCode
		served.HTTP, served.HTTPTo = classify(response, host)
	}
}

// classify says what an answer in the clear is, and where it leads to.
func classify(response *http.Response, host string) (answer, to string) {
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return control.HTTPContent, ""
	}
	location, err := url.Parse(response.Header.Get("Location"))
	if err != nil || response.Header.Get("Location") == "" {
		return control.HTTPContent, "" // browsers show the body
	}
	if location.Scheme == "" {
		location.Scheme = "http"
	}
	if location.Host == "" {
		location.Host = host
	}
	location.Scheme, location.Host = strings.ToLower(location.Scheme), strings.ToLower(location.Host)
	if location.Scheme == "https" && hostname(location.Host) == hostname(strings.ToLower(host)) {
		return control.HTTPRedirect, ""
	}
	to = location.Scheme + "://" + location.Host // the rest may hold what is nobody's business
	return control.HTTPRedirectElsewhere, to[:min(len(to), maxTo)]
}

// hostname is a host without a port and without the dot of the root.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.Trim(host, "[]"), ".")
}
