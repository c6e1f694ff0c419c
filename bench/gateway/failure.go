package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/internal/limit"
)

// client asks as programs do, with Go's own client.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}}
}

func post(ctx context.Context, c *http.Client, address, key, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	return c.Do(req)
}

const (
	streamed = `{"model":"m","stream":true,"max_tokens":100,"messages":[{"role":"user","content":"hello"}]}`
	wholly   = `{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}`
)

// benchTruncated has a thousand servers, each of which breaks its stream.
func benchTruncated(ctx context.Context, b *bench) (map[string]float64, error) {
	const servers, atOnce = 1000, 50
	r, err := newRig(ctx, b)
	if err != nil {
		return nil, err
	}
	defer r.close()
	s, err := listen("0.0.0.0:0", manner{tokens: 20, pace: time.Millisecond})
	if err != nil {
		return nil, err
	}
	defer s.listener.Close()
	if err := r.serve(addressesOf(s, servers)...); err != nil {
		return nil, err
	}
	keys, err := r.keys(ctx, 1, ample)
	if err != nil {
		return nil, err
	}
	g, err := r.gateway(ctx, keys[0])
	if err != nil {
		return nil, err
	}
	s.manner.Store(&manner{tokens: 20, pace: time.Millisecond, cut: true})
	c := client()
	var asked, complete, broken atomic.Int64
	err = together(atOnce, func(int) error {
		for asked.Add(1) <= servers {
			resp, err := post(ctx, c, g.url, keys[0], streamed)
			if err != nil {
				return err
			}
			if resp.StatusCode != http.StatusOK {
				return statusError(resp)
			}
			if taken, _ := whole(resp.Body); taken {
				complete.Add(1)
			} else {
				broken.Add(1)
			}
			resp.Body.Close()
		}
		return nil
	})
	if err != nil {
		return nil, g.failed(err)
	}
	note("%d streams broke, %d of them looked complete", complete.Load()+broken.Load(), complete.Load())
	return map[string]float64{"gateway_truncated_as_complete": float64(complete.Load())}, nil
}

func statusError(resp *http.Response) error {
	defer resp.Body.Close()
	out, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
	return fmt.Errorf("%s: %s", resp.Status, out)
}

// replica is a server that can be killed.
type replica struct {
	*child
	address string
}

func startReplica(b *bench, number int) (*replica, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"=server")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c, err := start(b, fmt.Sprintf("server-%d", number), cmd, otherCore)
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, c.failed(err)
	}
	return &replica{c, "127.0.0.1:" + strings.TrimSpace(line)}, nil
}

// benchKill kills one of four servers while 200 streams are open, some of them
// without a byte yet. Nobody tells the gateway: it finds out by itself.
func benchKill(ctx context.Context, b *bench) (map[string]float64, error) {
	const rounds, streams = 5, 200
	r, err := newRig(ctx, b)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var all []*replica
	defer func() {
		for _, s := range all {
			s.stop()
		}
	}()
	add := func() error {
		s, err := startReplica(b, len(all))
		if err == nil {
			all = append(all, s)
		}
		return err
	}
	tell := func() error {
		var addresses []string
		for _, s := range all {
			addresses = append(addresses, s.address)
		}
		return r.serve(addresses...)
	}
	for range 4 {
		if err := add(); err != nil {
			return nil, err
		}
	}
	keys, err := r.keys(ctx, 1, ample)
	if err := errors.Join(err, tell()); err != nil {
		return nil, err
	}
	g, err := r.gateway(ctx, keys[0])
	if err != nil {
		return nil, err
	}
	c := client()
	var failed, broken, lying atomic.Int64
	for range rounds {
		victim := rand.IntN(len(all))
		kill := time.AfterFunc(500*time.Millisecond, func() { _ = all[victim].cmd.Process.Kill() })
		err := together(streams, func(int) error {
			time.Sleep(time.Duration(rand.IntN(700)) * time.Millisecond)
			resp, err := post(ctx, c, g.url, keys[0], streamed)
			if err != nil || resp.StatusCode != http.StatusOK {
				failed.Add(1)
				return err
			}
			defer resp.Body.Close()
			data, err := io.ReadAll(resp.Body)
			done := strings.Contains(string(data), "data: [DONE]")
			switch {
			case len(data) == 0:
				failed.Add(1)
			case !done && err == nil:
				lying.Add(1)
			case !done:
				broken.Add(1)
			}
			return nil
		})
		kill.Stop()
		if err != nil {
			note("%v", err)
		}
		_ = all[victim].cmd.Wait()
		all = slices.Delete(all, victim, victim+1)
		if err := errors.Join(add(), tell()); err != nil {
			return nil, err
		}
	}
	note("%d of %d streams failed without a byte, %d were told as broken, %d ended without a word", failed.Load(), rounds*streams, broken.Load(), lying.Load())
	if broken.Load() == 0 {
		return nil, errors.New("no stream broke: the servers were not killed in the middle")
	}
	return map[string]float64{"gateway_kill_failed": float64(failed.Load())}, nil
}

// benchTokensAMinute has fifty callers use one key over two gateways in one
// minute, as fast as they are answered.
func benchTokensAMinute(ctx context.Context, b *bench) (map[string]float64, error) {
	const callers, tpm = 50, 200_000
	r, err := newRig(ctx, b)
	if err != nil {
		return nil, err
	}
	defer r.close()
	s, err := listen("0.0.0.0:0", manner{counts: true})
	if err != nil {
		return nil, err
	}
	defer s.listener.Close()
	if err := r.serve(addressesOf(s, replicas)...); err != nil {
		return nil, err
	}
	open, err := r.keys(ctx, 1, ample)
	if err != nil {
		return nil, err
	}
	var gateways []*child
	for range 2 {
		g, err := r.gateway(ctx, open[0])
		if err != nil {
			return nil, err
		}
		gateways = append(gateways, g)
	}
	limited, err := r.client.CreateKey(ctx, accessKey("limited", limit.Limits{TPM: tpm}))
	if err != nil {
		return nil, err
	}
	window := 58 * time.Second // of a minute, so that it does not end in the middle
	if left := time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)); left < 20*time.Second {
		time.Sleep(left + 100*time.Millisecond)
	}
	window = min(window, 15*time.Second)
	s.mu.Lock()
	s.spent = 0
	s.mu.Unlock()
	c := client()
	var answered atomic.Int64
	body := strings.Replace(wholly, "hello", strings.Repeat("hello there ", 80), 1)
	end := time.Now().Add(window)
	err = together(callers, func(i int) error {
		for time.Now().Before(end) {
			resp, err := post(ctx, c, gateways[i%2].url, limited.Secret, body)
			if err != nil {
				return err
			}
			switch resp.StatusCode {
			case http.StatusOK:
				answered.Add(1)
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			case http.StatusTooManyRequests, http.StatusUnauthorized: // the key is a second old at most
				resp.Body.Close()
				time.Sleep(50 * time.Millisecond)
			default:
				err = statusError(resp)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	spent := s.spent
	s.mu.Unlock()
	mean := float64(spent) / float64(max(1, answered.Load()))
	note("%d tokens of %d a minute were spent by %d requests of %.0f tokens", spent, tpm, answered.Load(), mean)
	return map[string]float64{
		"gateway_tpm_overshoot": max(0, float64(spent-tpm)) / mean,
		"gateway_tpm_used_pct":  100 * float64(spent) / tpm,
	}, nil
}

// benchHealth kills real servers of a real fleet, under the process runtime, and
// listens in their place: what still comes was sent to a dead replica.
func benchHealth(ctx context.Context, b *bench) (map[string]float64, error) {
	const count = 16
	s, err := stack.Up(ctx, stack.Options{Bin: b.bin, Dir: filepath.Join(b.dir, "stack"), Simulate: "2x8"})
	if err != nil {
		return nil, err
	}
	defer s.Down(context.WithoutCancel(ctx))
	spec := aim.DeploymentSpec{Model: "meta-llama/Llama-3.1-8B-Instruct", Name: "m", ServedName: "m", Replicas: count,
		Env: map[string]string{"AIM_SIMULATE": "ttft=0s;tpot=0s"}}
	if err := s.Apply(ctx, spec); err != nil {
		return nil, err
	}
	status, err := s.AwaitStatus(ctx, "m", func(st aim.Status) bool {
		ready := 0
		for _, r := range st.Replicas {
			if r.Phase == aim.Ready {
				ready++
			}
		}
		return ready == count
	})
	if err != nil {
		return nil, err
	}
	address := strings.TrimPrefix(s.GatewayURL, "http://")
	c := client()
	if err := eventually(ctx, func() error {
		resp, err := post(ctx, c, address, "", wholly)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return statusError(resp)
		}
		return resp.Body.Close()
	}); err != nil {
		return nil, err
	}
	load, stop := context.WithCancel(ctx)
	defer stop()
	for range 16 {
		go func() {
			for load.Err() == nil {
				if resp, err := post(load, c, address, "", wholly); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		}()
	}
	time.Sleep(time.Second)
	var late []float64
	for _, r := range status.Replicas {
		ms, err := afterDeath(s, r)
		if err != nil {
			return nil, err
		}
		late = append(late, ms)
	}
	slices.Sort(late)
	note("last request after the death of a server, of %d: median %.1f ms, most %.1f ms", len(late), late[len(late)/2], late[len(late)-1])
	return map[string]float64{"gateway_health_ms": late[len(late)-1]}, nil
}

// afterDeath kills the server of a replica and tells how long after that a
// request still came to its port.
func afterDeath(s *stack.Stack, r aim.ReplicaStatus) (float64, error) {
	u, err := url.Parse(r.Endpoint)
	if err != nil {
		return 0, err
	}
	servers, err := s.Servers()
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(servers, func(p stack.Process) bool {
		return slices.Contains(p.Args, u.Port()) || slices.Contains(p.Args, "--port="+u.Port())
	})
	if i < 0 {
		return 0, fmt.Errorf("no server has port %s", u.Port())
	}
	died := time.Now()
	if err := syscall.Kill(servers[i].PID, syscall.SIGKILL); err != nil {
		return 0, err
	}
	var l net.Listener
	for {
		if l, err = net.Listen("tcp", u.Host); err == nil {
			break
		}
		if time.Since(died) > time.Second {
			return 0, err
		}
	}
	_ = l.(*net.TCPListener).SetDeadline(died.Add(700 * time.Millisecond)) // beyond the breaker's first pause
	defer l.Close()
	last := 0.0
	for {
		conn, err := l.Accept()
		if err != nil {
			return last, nil //nolint:nilerr // nobody has come for long
		}
		came := time.Since(died)
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		line, _ := bufio.NewReader(conn).ReadString('\n')
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
		if strings.HasPrefix(line, "POST ") { // the node's own look is a GET
			last = float64(came.Microseconds()) / 1000
		}
	}
}
