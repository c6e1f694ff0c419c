package admin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim/internal/filelock"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/store"
)

// Administration is a control process's store and how others reach it.
type Administration struct {
	Server *Server

	store    store.Store
	listener net.Listener
	log      *slog.Logger
}

// openStoreWithin is how long another process, which may be just stopping, is
// waited for.
const openStoreWithin = 3 * time.Second

// Open opens the store and listens. Without a store there is none,
// and nil is returned.
func Open(ctx context.Context, cfg settings.Control, log *slog.Logger) (*Administration, error) {
	if cfg.Store == "" || cfg.Admin == "" {
		return nil, nil
	}
	token, err := adminToken(cfg.Token)
	if err != nil {
		return nil, err
	}
	s, err := openStore(ctx, cfg.Store)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Admin)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for the administration at %s: %w; set control.admin to another address", cfg.Admin, err), s.Close())
	}
	return &Administration{store: s, Server: NewServer(s, token, log), listener: listener, log: log}, nil
}

func openStore(ctx context.Context, address string) (store.Store, error) {
	for deadline := time.Now().Add(openStoreWithin); ; {
		s, err := store.Open(ctx, address)
		if err == nil || !errors.Is(err, store.ErrLocked) || time.Now().After(deadline) {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// adminToken reads the token, or makes one that only this user can read.
func adminToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		if token := strings.TrimSpace(string(data)); token != "" {
			return token, nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the administration's token: %w", err)
	}
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	token := base64.RawURLEncoding.EncodeToString(b[:])
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make the administration's token: %w", err)
	}
	if err := filelock.Replace(path, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("make the administration's token: %w", err)
	}
	return token, nil
}

// Run serves until ctx ends.
func (a *Administration) Run(ctx context.Context) error {
	srv := &http.Server{Handler: a.Server, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { a.Server.Run(ctx); return nil })
	group.Go(func() error {
		if err := srv.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the administration: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := srv.Shutdown(end); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return nil // who still waits for an answer asks again
	})
	return errors.Join(group.Wait(), a.store.Close())
}
