package simulator

import (
	"context"
	"fmt"
	"time"

	"github.com/aim-engine/aim/internal/pause"
	"github.com/aim-engine/aim/internal/simulator/openai"
	"github.com/aim-engine/aim/internal/simulator/script"
)

// drainFloor is how long requests may still take after SIGTERM when
// --shutdown-timeout is 0: vLLM then aborts them, but what is as good as done
// still gets out.
const drainFloor = 100 * time.Millisecond

// serve answers until the server is told to end (nil), or until a fault of the
// script ends it.
func (s *standIn) serve(ctx context.Context) error {
	if s.front == nil {
		s.log.info(apiServer, "serve.py:131", "Launching vLLM headless: rank %s of %s nodes", s.command.text("node-rank"), s.command.text("nnodes"))
		return s.watch(ctx, nil)
	}
	s.voice.listening(s.front.address())
	s.front.door.open.Store(true)
	s.voice.up()
	if err := s.watch(ctx, s.front.ended); err != nil {
		return err
	}
	s.drain(ctx)
	return nil
}

// watch waits for the end and lets the late faults happen. ended is nil when
// there is no HTTP.
func (s *standIn) watch(ctx context.Context, ended <-chan error) error {
	crash, exit0 := s.due(script.Crash), s.due(script.Exit0)
	gpuFault, unhealthy := s.due(script.GPUFault), s.due(script.Unhealthy)
	mute, stall := s.due(script.Mute), s.due(script.Stall)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return configCrash("OSError: the listener ended: %v", err)
		case <-crash:
			return engineDeath(exitCrash)
		case <-exit0:
			return engineDeath(exitDone)
		case <-gpuFault:
			c := s.gpuFault()
			c.late = true
			return c
		case <-unhealthy:
			s.voice.unwell()
			if s.front != nil {
				s.front.api.Fail()
			}
		case <-mute:
			if s.front != nil {
				s.front.api.Mute()
			}
		case <-stall:
			if s.front != nil {
				s.front.api.Stall()
			}
		}
	}
}

// due is when a late fault happens; never for one that is not active.
func (s *standIn) due(name script.Name) <-chan time.Time {
	if fault, ok := s.active[name]; ok && fault.Late() {
		return time.After(fault.After)
	}
	return nil
}

// drain ends the server in good order.
func (s *standIn) drain(ctx context.Context) {
	s.voice.stopping()
	s.front.drain(ctx, max(time.Duration(s.command.number("shutdown-timeout"))*time.Second, drainFloor))
	_ = pause.For(context.WithoutCancel(ctx), s.script.Timing.Stop) // cannot be cut short
	s.voice.stopped()
}

// config is what the HTTP side says of the server.
func (s *standIn) config() openai.Config {
	c, names := s.command, s.command.names()
	if _, wrong := s.active[script.Wrong]; wrong {
		names = []string{"simulated/another-model"}
	}
	_, noGenerate := s.active[script.NoGenerate]
	_, noEmbed := s.active[script.NoEmbed]
	return openai.Config{
		NoGenerate: noGenerate, NoEmbed: noEmbed,
		Backend: s.dialect.backend, Names: names, AnyName: s.dialect.anyName, Model: c.model, Version: c.version,
		MaxModelLen: s.memory.longest, MaxSeqs: c.number("max-num-seqs"), KVTokens: s.memory.tokens,
		Keys: c.keys(s.env),
		TTFT: s.script.Timing.TTFT, TPOT: s.script.Timing.TPOT,
		NoStats: c.text("disable-log-stats") == "true",
		Cache: map[string]string{
			"block_size":             c.text("block-size"),
			"cache_dtype":            c.text("kv-cache-dtype"),
			"gpu_memory_utilization": c.text("gpu-memory-utilization"),
			"num_gpu_blocks":         fmt.Sprint(s.memory.tokens / max(c.number("block-size"), 1)),
		},
	}
}
