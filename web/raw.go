package web

import (
	"bytes"
	"net"
	"strings"
)

// net/http answers what it cannot read as a request by itself, before any handler, in these words.
const (
	rawStart   = "HTTP/1.1 "
	rawHeaders = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
)

// hardenedListener adds the headers of every answer to those of net/http's own.
type hardenedListener struct {
	net.Listener
	headers string // as they stand in an answer
}

func hardened(l net.Listener, headers []header) net.Listener {
	var b strings.Builder
	for _, h := range headers {
		b.WriteString(h.name + ": " + h.values[0] + "\r\n")
	}
	return hardenedListener{l, b.String()}
}

// Accept wraps the next connection.
func (l hardenedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &hardenedConn{c, l.headers}, nil
}

type hardenedConn struct {
	net.Conn
	headers string
}

// Write sends p, with the headers where it is an answer of net/http's own: it writes each of those at once, and no handler
// can write one that looks the same, because each of ours has more headers.
func (c *hardenedConn) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(p, []byte(rawStart)) {
		return c.Conn.Write(p)
	}
	at := bytes.Index(p, []byte(rawHeaders))
	if at < 0 || bytes.IndexByte(p, '\r') != at {
		return c.Conn.Write(p)
	}
	at += len("\r\n")
	all := append(append(append([]byte{}, p[:at]...), c.headers...), p[at:]...)
	if _, err := c.Conn.Write(all); err != nil {
		return 0, err
	}
	return len(p), nil
}

// CloseWrite ends our side alone: net/http does so after a refusal, so that who is still sending gets to read it.
func (c *hardenedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
