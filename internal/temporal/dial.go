package temporal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"github.com/aim-engine/aim/internal/settings"
)

// dialWithin is how long a process waits for Temporal at its start before it
// gives up with a clear error.
const dialWithin = 15 * time.Second

// Dial connects to Temporal. The error names the address and what to do.
func Dial(ctx context.Context, c settings.Temporal, identity string, metrics client.MetricsHandler, logger *slog.Logger, more ...grpc.DialOption) (client.Client, error) {
	options := client.Options{
		Namespace: c.Namespace, Identity: identity,
		MetricsHandler: metrics, Logger: log.NewStructuredLogger(logger),
		// What the SDK would tell of its workers the inventory tells better. With it
		// goes a poll that each process would keep open for commands to its workers:
		// a stop is an activity of its own, and needs none.
		WorkerHeartbeatInterval: -1,
	}
	options.ConnectionOptions.DialOptions = more
	frontends(c.Address, &options)
	key, err := settings.Secret(c.APIKey)
	if err != nil {
		return nil, fmt.Errorf("read the setting temporal.api_key: %w; set it to env:NAME or file:/path", err)
	}
	if key != "" {
		options.Credentials = client.NewAPIKeyStaticCredentials(key)
	}
	if options.ConnectionOptions.TLS, err = tlsConfig(c); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	began := time.Now()
	t, err := client.DialContext(ctx, options)
	if err != nil {
		err = plainCause(ctx, c.Address, time.Since(began), err)
		return nil, fmt.Errorf("cannot reach Temporal at %s (%w); start it with `aim up`, or set TEMPORAL_ADDRESS", c.Address, err)
	}
	return t, nil
}

// plainCause says in words why a dial has failed, where gRPC says it in terms of
// its own: it looks whether there is anybody at all.
func plainCause(ctx context.Context, address string, took time.Duration, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	var nobody error
	for _, one := range frontendList(address) {
		conn, err := (&net.Dialer{}).DialContext(look, "tcp", one)
		if err == nil {
			_ = conn.Close()
			nobody = nil
			break
		}
		nobody = errors.Join(nobody, err)
	}
	if nobody != nil {
		return nobody
	}
	if ctx.Err() != nil {
		return fmt.Errorf("it takes connections, but has not answered within %s", took.Round(time.Second))
	}
	return err
}

func tlsConfig(c settings.Temporal) (*tls.Config, error) {
	if c.TLSCert == "" && c.TLSCA == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("read Temporal's client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	if c.TLSCA != "" {
		pem, err := os.ReadFile(c.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("read Temporal's CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", c.TLSCA)
		}
	}
	return config, nil
}
