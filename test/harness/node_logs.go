package harness

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// serveLogs serves the logs of containers as a kubelet does to the API server, for
// kubectl logs, and returns where. Of its options it knows --tail.
func (n *Node) serveLogs(tb testing.TB) (address string, port int32) {
	tb.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		content, err := os.ReadFile(n.logFile(r.PathValue("namespace"), r.PathValue("pod")))
		if err != nil {
			http.Error(w, "there is no log", http.StatusNotFound)
			return
		}
		// A client that went away is nobody to tell.
		_, _ = io.WriteString(w, tail(string(content), r.URL.Query().Get("tailLines")))
	})
	server := httptest.NewTLSServer(mux)
	tb.Cleanup(server.Close)
	listener := server.Listener.Addr().(*net.TCPAddr)
	if n.cluster.PodNetwork != nil {
		n.cluster.PodNetwork.host(listener.String())
	}
	return listener.IP.String(), int32(listener.Port)
}

// tail are the last lines of a text: all, unless their number is stated.
func tail(text, lines string) string {
	count, err := strconv.Atoi(lines)
	if err != nil {
		return text
	}
	for i := len(text) - 1; i > 0; i-- {
		if text[i-1] != '\n' {
			continue
		}
		if count--; count <= 0 {
			return text[i:]
		}
	}
	return text
}

// endpoints is where the API server finds what serveLogs serves.
func endpoints(address string, port int32) corev1.NodeStatus {
	return corev1.NodeStatus{
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: port}},
	}
}
