package hub

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// newClient makes the HTTP client. It has no timeout, which would bound a whole
// download; silence is bounded instead. Its redirect rule keeps the token at home:
// net/http would send it on to any subdomain and any port of the same host.
func newClient(endpoint *url.URL) *http.Client {
	client := &http.Client{Transport: newTransport()}
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("too many redirects")
		}
		if sameOrigin(req.URL, endpoint) {
			return nil
		}
		if req.Method == http.MethodHead {
			return http.ErrUseLastResponse // the redirect itself says what is asked
		}
		req.Header.Del("Authorization")
		return nil
	}
	return client
}

// newTransport is tuned for a few large downloads at once.
func newTransport() *http.Transport {
	// HTTP/2 would put all files on one connection, whose flow control is
	// slower than a connection a file.
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   parallel,
		Protocols:             http1,
	}
}

// sameOrigin compares scheme, host and port: what a token is given out for.
func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
