package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aim-engine/aim/gateway/route"
)

const replicas = 16

// pair is a gateway and nginx before the same servers.
type pair struct {
	rig     *rig
	server  *server
	gateway *child
	nginx   *child
	keys    []string
}

// newPair has 16 replicas, which are one server at 16 addresses, and 100 keys
// with limits.
func newPair(ctx context.Context, b *bench, m manner) (*pair, error) {
	p := &pair{}
	var err error
	if p.server, err = listen("0.0.0.0:0", m); err != nil {
		return nil, err
	}
	if p.rig, err = newRig(ctx, b); err != nil {
		return nil, err
	}
	addresses := addressesOf(p.server, replicas)
	if err := p.rig.serve(addresses...); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if p.keys, err = p.rig.keys(ctx, 100, ample); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if p.gateway, err = p.rig.gateway(ctx, p.keys[0]); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if p.nginx, err = startNginx(ctx, b, addresses...); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// addressesOf are n of the loopback network, all the same server.
func addressesOf(s *server, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("127.0.%d.%d:%d", 1+i/250, 1+i%250, s.port()))
	}
	return all
}

func (p *pair) close() error {
	if p.nginx != nil {
		p.nginx.stop()
	}
	return errors.Join(p.rig.close(), p.server.listener.Close())
}

// questions are one of each key.
func (p *pair) questions(to *child, stream bool, promptBytes int) (all []question) {
	for _, k := range p.keys {
		all = append(all, newQuestion(to.url, k, stream, promptBytes))
	}
	return all
}

// fillIndex makes the gateway remember as many prefixes as it ever does.
func (p *pair) fillIndex() error {
	const promptBytes = 30_000
	blocks := route.PrefixOf(make([]byte, promptBytes)).Blocks()
	const remembered = 8192 // of each replica, by default
	return askMany(p.gateway.url, p.questions(p.gateway, false, promptBytes), 16, replicas*remembered/blocks+100)
}

// leastCPU is the CPU of each process for one of n units of work, the least of
// rounds in which they take turns.
func leastCPU(ctx context.Context, rounds int, all []*child, units int, work func(*child) error) ([]float64, error) {
	least := make([]float64, len(all))
	for round := range rounds {
		for i, c := range all {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			before, err := c.cpu()
			if err != nil {
				return nil, err
			}
			if err := work(c); err != nil {
				return nil, c.failed(err)
			}
			after, err := c.cpu()
			if err != nil {
				return nil, err
			}
			us := float64((after - before).Nanoseconds()) / 1000 / float64(units)
			if round == 0 || us < least[i] {
				least[i] = us
			}
		}
	}
	return least, nil
}

func benchRequests(ctx context.Context, b *bench) (map[string]float64, error) {
	p, err := newPair(ctx, b, manner{})
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.fillIndex(); err != nil {
		return nil, err
	}
	const n = 20_000
	us, err := leastCPU(ctx, 7, []*child{p.gateway, p.nginx}, n, func(c *child) error {
		return askMany(c.url, p.questions(c, false, 1000), 32, n)
	})
	if err != nil {
		return nil, err
	}
	note("CPU of a request: gateway %.1f µs, nginx %.1f µs", us[0], us[1])
	return map[string]float64{"gateway_cpu_vs_nginx": us[0] / us[1]}, nil
}

func benchTokens(ctx context.Context, b *bench) (map[string]float64, error) {
	const streams, tokens = 100, 300
	p, err := newPair(ctx, b, manner{pace: 10 * time.Millisecond, tokens: tokens})
	if err != nil {
		return nil, err
	}
	defer p.close()
	us, err := leastCPU(ctx, 4, []*child{p.gateway, p.nginx}, streams*tokens, func(c *child) error {
		questions := p.questions(c, true, 1000)
		return together(streams, func(i int) error {
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // their tokens do not come in step
			conn, err := dial(c.url)
			if err != nil {
				return err
			}
			defer conn.Close()
			return conn.follow(questions[i].bytes(), nil)
		})
	})
	if err != nil {
		return nil, err
	}
	note("CPU of a streamed token: gateway %.1f µs, nginx %.1f µs", us[0], us[1])
	return map[string]float64{"gateway_token_cpu_vs_nginx": us[0] / us[1]}, nil
}

func benchLatency(ctx context.Context, b *bench) (map[string]float64, error) {
	p, err := newPair(ctx, b, manner{})
	if err != nil {
		return nil, err
	}
	defer p.close()
	defer prefer(p.gateway.pid(), p.nginx.pid())()
	const runs, rate, lasts = 5, 500, 4 * time.Second
	direct := &child{url: addressesOf(p.server, 1)[0]}
	var added []float64
	for range runs {
		p99 := map[*child]float64{}
		for _, c := range []*child{direct, p.nginx, p.gateway} {
			took, err := askAt(ctx, c.url, p.questions(c, false, 1000), rate, lasts)
			if err != nil {
				return nil, err
			}
			slices.Sort(took)
			p99[c] = float64(took[len(took)*99/100].Microseconds()) / 1000
		}
		note("p99 at %d/s: direct %.3f ms, nginx %.3f ms, gateway %.3f ms", rate, p99[direct], p99[p.nginx], p99[p.gateway])
		added = append(added, p99[p.gateway]-p99[p.nginx])
	}
	return map[string]float64{"gateway_added_p99_ms": median(added)}, nil
}

func benchPrompts(ctx context.Context, b *bench) (map[string]float64, error) {
	p, err := newPair(ctx, b, manner{})
	if err != nil {
		return nil, err
	}
	defer p.close()
	s, err := startSplice(ctx, b, addressesOf(p.server, 1)[0])
	if err != nil {
		return nil, err
	}
	defer s.stop()
	const n = 1_000
	us, err := leastCPU(ctx, 5, []*child{p.gateway, s, p.nginx}, n, func(c *child) error {
		return askMany(c.url, p.questions(c, false, 220_000), 8, n)
	})
	if err != nil {
		return nil, err
	}
	note("CPU of a prompt of 220 KB: gateway %.0f µs, splice %.0f µs, nginx %.0f µs", us[0], us[1], us[2])
	return map[string]float64{"gateway_prompt220k_ratio": us[0] / us[1]}, nil
}

func benchStreams(ctx context.Context, b *bench) (map[string]float64, error) {
	const streams = 3000
	p, err := newPair(ctx, b, manner{pace: time.Second, tokens: 20})
	if err != nil {
		return nil, err
	}
	defer p.close()
	kib := map[*child]float64{}
	for _, c := range []*child{p.gateway, p.nginx} {
		before, err := c.rss()
		if err != nil {
			return nil, err
		}
		questions := p.questions(c, true, 1000)
		began, over := make(chan struct{}, streams), make(chan error, 1)
		leave, left := context.WithCancel(ctx)
		go func() {
			over <- together(streams, func(i int) error {
				time.Sleep(time.Duration(i) * time.Millisecond) // a backlog of connections is not what is measured
				conn, err := dial(c.url)
				if err != nil {
					return err
				}
				defer context.AfterFunc(leave, func() { _ = conn.Close() })()
				if err := conn.follow(questions[i%len(questions)].bytes(), func() { began <- struct{}{} }); leave.Err() == nil {
					return fmt.Errorf("a stream ended: %w", errors.Join(err, errIncomplete))
				}
				return nil
			})
		}()
		for range streams {
			select {
			case <-began:
			case err := <-over:
				left()
				return nil, c.failed(err)
			}
		}
		time.Sleep(3 * time.Second) // tokens flow
		after, err := c.rss()
		left()
		if err := errors.Join(err, <-over); err != nil {
			return nil, err
		}
		kib[c] = (after - before) / streams
	}
	note("an open stream takes %.1f KiB, at nginx %.1f KiB", kib[p.gateway], kib[p.nginx])
	return map[string]float64{"gateway_stream_kib": kib[p.gateway]}, nil
}
