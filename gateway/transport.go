package gateway

import (
	"net"
	"net/http"
	"time"
)

// NewTransport is how servers are reached. The default transport keeps two idle
// connections to a host, and would make a new one for nearly every request: that
// alone doubles the CPU a request costs.
func NewTransport() *http.Transport {
	return &http.Transport{
		DialContext: (&net.Dialer{
			Timeout: 2 * time.Second, // a node in the same data centre answers in a millisecond, or is cut off
			KeepAliveConfig: net.KeepAliveConfig{ // a path that is cut in mid-stream is noticed in 20 s
				Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3,
			},
		}).DialContext,
		MaxIdleConnsPerHost: 512,
		IdleConnTimeout:     4 * time.Second, // uvicorn closes at 5 s; who closes first loses no request
		DisableCompression:  true,            // what servers send is passed on as it is
		TLSHandshakeTimeout: 2 * time.Second,
	}
}
