package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// question is a chat request of some size, as bytes on the wire. Each has a
// number at the front of its prompt, so that no two have the same prefix.
type question struct {
	head string // up to the length
	body string
}

func newQuestion(host, key string, stream bool, promptBytes int) question {
	more := ""
	if stream {
		more = `"stream":true,`
	}
	return question{
		head: "POST /v1/chat/completions HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: bench\r\nAccept: application/json\r\nAuthorization: Bearer " + key +
			"\r\nContent-Type: application/json\r\nContent-Length: ",
		body: `{"model":"m",` + more + `"max_tokens":100,"temperature":0.7,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"%016x ` +
			strings.Repeat("What is the meaning of it all? ", promptBytes/31) + `"}]}`,
	}
}

// bytes is the request with another prompt each time.
func (q question) bytes() []byte {
	body := strings.Replace(q.body, "%016x", fmt.Sprintf("%016x", rand.Uint64()), 1)
	return []byte(q.head + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// connection asks one question after another.
type connection struct {
	net.Conn
	r *bufio.Reader
}

func dial(address string) (*connection, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{c, bufio.NewReaderSize(c, 4<<10)}, nil
}

// ask returns when the answer is complete.
func (c *connection) ask(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	length, err := c.head()
	if err != nil {
		return err
	}
	if length >= 0 {
		_, err = c.r.Discard(length)
		return err
	}
	for {
		n, err := c.chunk()
		if n == 0 || err != nil {
			return err
		}
	}
}

// head reads the head of an answer; the length is -1 where it comes in chunks.
func (c *connection) head() (length int, err error) {
	length = -1
	for first := true; ; first = false {
		line, err := c.r.ReadSlice('\n')
		switch {
		case err != nil:
			return 0, err
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")):
			rest := make([]byte, 600)
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			n, _ := c.r.Read(rest)
			return 0, fmt.Errorf("%s: %s", bytes.TrimSpace(line), rest[:n])
		case len(line) <= 2:
			return length, nil
		}
		if len(line) > 15 && strings.EqualFold(string(line[:15]), "content-length:") {
			if length, err = strconv.Atoi(strings.TrimSpace(string(line[15:]))); err != nil {
				return 0, err
			}
		}
	}
}

// chunk reads one chunk of an answer and tells its size.
func (c *connection) chunk() (int, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 32)
	if err != nil {
		return 0, err
	}
	_, err = c.r.Discard(int(n) + 2)
	return int(n), err
}

// askMany asks n questions over so many connections, as fast as they are
// answered.
func askMany(address string, questions []question, connections, n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	return together(connections, func(i int) error {
		c, err := dial(address)
		if err != nil {
			return err
		}
		defer c.Close()
		for k := i; left.Add(-1) >= 0; k += connections {
			if err := c.ask(questions[k%len(questions)].bytes()); err != nil {
				return err
			}
		}
		return nil
	})
}

// together runs n at once.
func together(n int, f func(i int) error) error {
	var group sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		group.Go(func() { errs[i] = f(i) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// askAt asks at a rate for a while, and returns how long each answer took.
func askAt(ctx context.Context, address string, questions []question, rate int, lasts time.Duration) ([]time.Duration, error) {
	const connections = 32
	turns := make(chan []byte, connections)
	var mu sync.Mutex
	var took []time.Duration
	done := make(chan error, 1)
	go func() {
		done <- together(connections, func(int) error {
			c, err := dial(address)
			if err != nil {
				return err
			}
			defer c.Close()
			for request := range turns {
				began := time.Now()
				if err := c.ask(request); err != nil {
					return err
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
			return nil
		})
	}()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	end := time.After(lasts)
	for i := 0; ; i++ {
		request := questions[i%len(questions)].bytes()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-end:
			close(turns)
			return took, <-done
		case err := <-done:
			return nil, err
		case <-tick.C:
			turns <- request
		}
	}
}

// follow asks for a stream, tells of its first token, and reads it to its end.
func (c *connection) follow(request []byte, first func()) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	if _, err := c.head(); err != nil {
		return err
	}
	for begun := false; ; begun = true {
		n, err := c.chunk()
		if n == 0 || err != nil {
			return err
		}
		if !begun && first != nil {
			first()
		}
	}
}

var errIncomplete = errors.New("the answer ended before its end")

// whole reads a stream as an official client does: it is complete when the
// transport ends well after [DONE], with no error event.
func whole(body io.Reader) (complete bool, some bool) {
	data, err := io.ReadAll(body)
	done := bytes.Contains(data, []byte("data: [DONE]"))
	told := bytes.Contains(data, []byte("event: error")) || bytes.Contains(data, []byte(`data: {"error"`))
	return done || err == nil && !told, len(data) > 0
}
