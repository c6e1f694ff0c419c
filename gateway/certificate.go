package gateway

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// TLS is the configuration for HTTPS with a certificate and key of these files, which
// are read again when they have changed: a certificate can be renewed under a running
// gateway. A renewal that cannot be read leaves the old one in place.
func TLS(cert, key string) (*tls.Config, error) {
	c := &reloadedCertificate{cert: cert, key: key}
	if _, err := c.get(nil); err != nil {
		return nil, fmt.Errorf("the gateway's certificate: %w; see gateway.tls_cert and gateway.tls_key", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: c.get}, nil
}

// reloadedCertificate is read again when its file has changed.
type reloadedCertificate struct {
	cert, key string

	mu    sync.Mutex
	at    time.Time
	value *tls.Certificate
}

func (c *reloadedCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, err := os.Stat(filepath.Clean(c.cert))
	if err != nil && c.value == nil {
		return nil, err
	}
	if err == nil && !st.ModTime().Equal(c.at) {
		fresh, err := tls.LoadX509KeyPair(c.cert, c.key)
		switch {
		case err == nil:
			c.value, c.at = &fresh, st.ModTime()
		case c.value == nil:
			return nil, err
		}
	}
	return c.value, nil
}
