package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const nginxConf = `daemon off;
master_process off;
worker_rlimit_nofile 16384;
error_log stderr error;
pid %[1]s/nginx.pid;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  client_body_buffer_size 1m;
  client_max_body_size 32m;
  keepalive_requests 1000000;
  upstream servers { %[3]s keepalive 512; keepalive_requests 1000000; }
  server {
    listen %[2]s;
    location / {
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }
  }
}
`

// startNginx runs Debian's nginx as a plain proxy before the servers.
func startNginx(ctx context.Context, b *bench, servers ...string) (*child, error) {
	nginx, err := findNginx(ctx)
	if err != nil {
		return nil, err
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(b.dir)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nginxConf, dir, listen, "server "+strings.Join(servers, "; server ")+";")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	c, err := start(b, "nginx", exec.Command(nginx, "-p", dir, "-c", conf), proxyCore)
	if err != nil {
		return nil, err
	}
	c.url = listen
	if err := eventually(ctx, c.answers); err != nil {
		c.stop()
		return nil, c.failed(err)
	}
	return c, nil
}

func (c *child) answers() error {
	conn, err := dial(c.url)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.ask(newQuestion(c.url, "", false, 100).bytes())
}

// findNginx installs it where it is missing and may be installed.
func findNginx(ctx context.Context) (string, error) {
	for _, path := range []string{"nginx", "/usr/sbin/nginx"} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	note("installing nginx from Debian")
	cmd := exec.CommandContext(ctx, "apt-get", "install", "-y", "--no-install-recommends", "nginx-light")
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("nginx is not here and could not be installed (apt-get install nginx-light): %w: %s", err, out[max(0, len(out)-200):])
	}
	return "/usr/sbin/nginx", nil
}

// startSplice runs the plainest proxy there is: bytes from one socket into
// another, without reading them.
func startSplice(ctx context.Context, b *bench, to string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, listen, to)
	cmd.Env = append(os.Environ(), roleVariable+"=splice", "GOMAXPROCS=1")
	c, err := start(b, "splice", cmd, proxyCore)
	if err != nil {
		return nil, err
	}
	c.url = listen
	if err := eventually(ctx, c.answers); err != nil {
		c.stop()
		return nil, c.failed(err)
	}
	return c, nil
}

func splice(listen, to string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with whoever has started this
		_ = l.Close()
	}()
	for {
		in, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer in.Close()
			out, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer out.Close()
			go func() {
				_, _ = io.Copy(out, in)
				_ = out.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(in, out)
		}()
	}
}
