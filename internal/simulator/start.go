package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/aim-engine/aim/internal/pause"
	"github.com/aim-engine/aim/internal/simulator/script"
)

// shards is how many files the weights seem to have.
const shards = 5

// start brings the server to where it could answer, in the order of a real one:
// port, settings, devices, weights, KV cache.
func (s *standIn) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.bind, s.configure, s.checkDevices, s.load, s.fillCache} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return pause.For(ctx, s.script.Timing.Ready-time.Since(s.began))
}

// bind takes the port before anything slow is done.
func (s *standIn) bind(ctx context.Context) error {
	if err := s.fail(script.Port); err != nil || s.command.text("headless") == "true" {
		return err
	}
	address := net.JoinHostPort(s.command.text("host"), s.command.text("port"))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return configCrash(portTaken)
	}
	if err != nil {
		return configCrash("OSError: %v", err)
	}
	s.front = newFront(listener, s.config())
	return nil
}

// configure is what the server finds out from the model's files and the device count.
func (s *standIn) configure(context.Context) error {
	s.voice.starting(s.command)
	err := s.fail(script.Auth, script.Missing, script.Arch, script.RemoteCode, script.Length,
		script.Quant, script.TPHeads, script.Parser)
	if err != nil || s.tree == nil {
		return err
	}
	seen, needed := s.tree.visible(s.env, "/dev"), s.command.gpus()
	if needed > len(seen) {
		return invalid("ParallelConfig", "World size (%d) is larger than the number of available GPUs (%d) in this node. If this is intentional and you are using:\n  - ray, set '--distributed-executor-backend ray'.\n  - multiprocessing, set '--nnodes' appropriately.",
			needed, len(seen))
	}
	s.gpus = seen[:needed]
	return nil
}

// checkDevices looks at the memory that others hold, before anything is loaded.
func (s *standIn) checkDevices(context.Context) error {
	s.voice.settled(s.command, s.memory)
	if err := s.fail(script.GPUBusy); err != nil {
		return err
	}
	for i, g := range s.gpus {
		used, err := s.tree.Used(g)
		if err != nil {
			return err
		}
		if free := g.VRAM - min(used, g.VRAM); free < s.memory.budget {
			return s.dialect.said(script.GPUBusy, gpuBusy(i, free, s.memory, s.command.utilization()))
		}
	}
	return nil
}

// load takes the memory of the weights and the time to read them.
func (s *standIn) load(ctx context.Context) error {
	began := time.Now()
	s.voice.loading(s.command)
	if err := s.fail(script.Attn, script.TPBlock); err != nil {
		return err
	}
	s.voice.shard(0, shards, 0)
	if err := s.fail(script.Disk, script.OOM); err != nil {
		return err
	}
	if err := s.take(s.memory.weights); err != nil {
		return err
	}
	if _, hangs := s.active[script.Hang]; hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if _, talks := s.active[script.Talk]; talks {
		return s.talk(ctx)
	}
	for done := 1; done <= shards; done++ {
		if err := pause.For(ctx, s.script.Timing.Load/shards); err != nil {
			return err
		}
		s.voice.shard(done, shards, time.Since(began))
	}
	s.voice.loaded(s.memory.weights, time.Since(began))
	return s.fail(script.GPUFault) // in the profiling run, the first use of the GPU
}

// talkEvery is the pace of a server that waits for ever and says so; a real one
// says it every minute.
const talkEvery = 50 * time.Millisecond

// talk says one thing over and over, as an engine does whose workers hang.
func (s *standIn) talk(ctx context.Context) error {
	for {
		if err := pause.For(ctx, talkEvery); err != nil {
			return err
		}
		s.log.info(engineCore, "shm_broadcast.py:681", "No available shared memory broadcast block found in 60 seconds. This typically happens when some processes are hanging or doing some time-consuming work (e.g. compilation, weight/kv cache quantization).")
	}
}

// fillCache takes the memory of the KV cache.
func (s *standIn) fillCache(context.Context) error {
	if err := s.fail(script.KVNone); err != nil {
		s.memory.kv = -gib
	}
	s.voice.room(s.memory)
	if s.memory.kv <= 0 {
		return s.dialect.said(script.KVNone, noKVMemory())
	}
	if err := s.fail(script.KVShort); err != nil {
		return err
	}
	if err := s.take(s.memory.held()); err != nil {
		return err
	}
	s.voice.cached(s.memory)
	return nil
}

// take raises what the server holds of each of its GPUs.
func (s *standIn) take(bytes uint64) error {
	if s.tree == nil {
		return nil
	}
	err := error(nil)
	if s.hold == nil {
		s.hold, err = s.tree.Hold(s.command.names()[0], s.gpus, bytes)
	} else {
		err = s.hold.Set(bytes)
	}
	var full *OutOfMemoryError
	if errors.As(err, &full) {
		return outOfMemory(full.Index, full.Asked, full.GPU.VRAM, full.Free)
	}
	return err
}

// thousands writes a number as vLLM does: 430,608.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	var out strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(digit)
	}
	return out.String()
}
