package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// manner is how servers answer. It is changed between measurements.
type manner struct {
	first  time.Duration // before the first token
	pace   time.Duration // between tokens
	tokens int           // of a stream
	cut    bool          // every stream breaks in the middle, each in another way
	counts bool          // answers tell a usage that differs from the estimate
}

// server speaks as much HTTP as proxies need, by hand: it takes little of the
// core that it shares with the clients.
type server struct {
	listener net.Listener
	manner   atomic.Pointer[manner]
	streams  atomic.Int64 // begun; says how the next one is cut

	mu    sync.Mutex
	spent int64 // tokens that were told
}

func listen(address string, m manner) (*server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &server{listener: l}
	s.manner.Store(&m)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s, nil
}

func (s *server) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// serveAlone is a server as a process of its own, which can be killed.
func serveAlone() error {
	s, err := listen("127.0.0.1:0", manner{first: 300 * time.Millisecond, pace: 20 * time.Millisecond, tokens: 30})
	if err != nil {
		return err
	}
	fmt.Println(s.port())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func (s *server) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReaderSize(c, 4<<10)
	var body []byte
	for {
		length := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) <= 2 {
				break
			}
			if len(line) > 15 && (line[0] == 'C' || line[0] == 'c') && strings.EqualFold(string(line[:15]), "content-length:") {
				length, _ = strconv.Atoi(strings.TrimSpace(string(line[15:])))
			}
		}
		body = append(body[:0], make([]byte, 0, length)...)
		if cap(body) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		m := s.manner.Load()
		var err error
		if bytes.Contains(body[:min(len(body), 256)], []byte(`"stream":true`)) {
			err = s.stream(c, m)
		} else {
			_, err = c.Write(s.whole(m, len(body)))
		}
		if err != nil {
			return
		}
	}
}

const answerText = `{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","created":1764547200,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`

var filler = strings.Repeat("All work and no play. ", 18)

var plainAnswer = answerOf(250, 100)

func answerOf(prompt, completion int) []byte {
	body := fmt.Sprintf(answerText, filler, prompt, completion, prompt+completion)
	return []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// whole answers at once, with the same or, where it counts, with a usage near
// the estimate of a prompt of this size.
func (s *server) whole(m *manner, size int) []byte {
	if !m.counts {
		return plainAnswer
	}
	prompt, completion := size/5+rand.IntN(size/20), 10+rand.IntN(90)
	s.mu.Lock()
	s.spent += int64(prompt + completion)
	s.mu.Unlock()
	return answerOf(prompt, completion)
}

func chunk(event string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(event), event) }

var (
	streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
	tokenEvent = `data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1764547200,"model":"m","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	lastEvents = chunk(`data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1764547200,"model":"m","choices":[],"usage":{"prompt_tokens":250,"completion_tokens":100,"total_tokens":350}}`+"\n\n") +
		chunk("data: [DONE]\n\n") + "0\r\n\r\n"
)

func (s *server) stream(c net.Conn, m *manner) error {
	number := s.streams.Add(1)
	time.Sleep(m.first)
	if m.cut && number%5 == 4 { // without a length: its end is that of the connection
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"); err != nil {
			return err
		}
		for range 1 + rand.IntN(m.tokens) {
			if _, err := io.WriteString(c, tokenEvent); err != nil {
				return err
			}
		}
		return io.EOF
	}
	if _, err := io.WriteString(c, streamHead); err != nil {
		return err
	}
	token := []byte(chunk(tokenEvent))
	tokens := m.tokens
	if m.cut {
		tokens = 1 + rand.IntN(m.tokens)
	}
	for range tokens {
		if _, err := c.Write(token); err != nil {
			return err
		}
		if m.pace > 0 {
			time.Sleep(m.pace)
		}
	}
	if m.cut {
		return cut(c, int(number%5))
	}
	_, err := io.WriteString(c, lastEvents)
	return err
}

// cut breaks a stream: with a reset, with an end in the middle of an event, with one
// between events, or with the end of the transport but not of the answer.
func cut(c net.Conn, way int) error {
	switch way {
	case 0:
		_ = c.(*net.TCPConn).SetLinger(0)
	case 1:
		_, _ = io.WriteString(c, chunk(tokenEvent)[:60])
	case 2:
		_, _ = io.WriteString(c, "0\r\n\r\n")
	}
	return io.EOF
}
