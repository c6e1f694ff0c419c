package gateway

import (
	"net"
	"net/http"
	"time"

	"github.com/aim-engine/aim/gateway/upstream"
)

// NewTransport is how servers are reached.
func NewTransport() http.RoundTripper {
	dial := (&net.Dialer{
		Timeout: 2 * time.Second, // a node in the same data centre answers in a millisecond, or is cut off
		KeepAliveConfig: net.KeepAliveConfig{ // a path that is cut in mid-stream is noticed in 20 s
			Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3,
		},
	}).DialContext
	return &upstream.Transport{Dial: dial, TLS: &http.Transport{
		DialContext: dial, MaxIdleConnsPerHost: 512, IdleConnTimeout: 4 * time.Second,
		DisableCompression:  true, // what servers send is passed on as it is
		TLSHandshakeTimeout: 2 * time.Second,
	}}
}
