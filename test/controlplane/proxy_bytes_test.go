package controlplane

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

const (
	// quiet is how long a frozen connection must stay silent.
	quiet = 100 * time.Millisecond
	// answerWithin bounds reads that must end.
	answerWithin = time.Minute
)

func TestProxyFreezeHoldsBytesAndTheEnd(t *testing.T) {
	proxy := proxyToEcho(t)
	conn := dialEcho(t, proxy)
	proxy.Freeze()
	if _, err := conn.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil { // the echo server would close in turn
		t.Fatal(err)
	}
	setReadDeadline(t, conn, quiet)
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read from a frozen connection: got %d bytes and %v, want a time-out", n, err)
	}
	dialEcho(t, proxy) // a new connection works

	if err := proxy.Resume(); err != nil {
		t.Fatal(err)
	}
	setReadDeadline(t, conn, answerWithin)
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != "held" {
		t.Errorf("after the resume the echo is %q, want %q", got, "held")
	}
}

func TestProxyCutClosesAndRefuses(t *testing.T) {
	proxy := proxyToEcho(t)
	frozen := dialEcho(t, proxy)
	proxy.Freeze()
	open := dialEcho(t, proxy)
	if err := proxy.Cut(); err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]net.Conn{"open": open, "frozen": frozen} {
		setReadDeadline(t, conn, answerWithin)
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read from the cut %s connection: got %v, want its end", name, err)
		}
	}
	if _, err := net.Dial("tcp", proxy.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connect to a cut proxy: got %v, want refused", err)
	}
	if err := proxy.Resume(); err != nil {
		t.Fatal(err)
	}
	dialEcho(t, proxy)
}

func TestProxyStaysClosed(t *testing.T) {
	proxy := proxyToEcho(t)
	proxy.Freeze()
	if err := proxy.Close(); err != nil {
		t.Fatal(err)
	}
	if err := proxy.Resume(); err == nil {
		t.Error("a closed proxy resumed")
	}
}

// proxyToEcho returns a proxy in front of a server that sends back what it gets.
func proxyToEcho(t *testing.T) *Proxy {
	t.Helper()
	echo, err := net.Listen("tcp", address("0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = echo.Close() })
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn) // the test sees on its side what failed
				_ = conn.Close()
			}()
		}
	}()
	reservations := &ports{}
	t.Cleanup(reservations.close)
	port, err := reservations.next()
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := newProxy(address(port), echo.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	return proxy
}

// dialEcho connects through the proxy and returns when an echo has come back.
func dialEcho(t *testing.T, proxy *Proxy) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", proxy.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	setReadDeadline(t, conn, answerWithin)
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("the connection is a %T", conn)
	}
	return tcp
}

func setReadDeadline(t *testing.T, conn net.Conn, after time.Duration) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(after)); err != nil {
		t.Fatal(err)
	}
}
