package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const question = "What is the capital of France?"

// complete asks the model one question over the OpenAI-compatible API.
func complete(ctx context.Context, endpoint, model string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := json.Marshal(map[string]any{
		"model": model, "max_tokens": 16,
		"messages": []map[string]string{{"role": "user", "content": question}},
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var answer struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || resp.StatusCode != http.StatusOK || len(answer.Choices) == 0 {
		return "", fmt.Errorf("%s: %s", resp.Status, data)
	}
	return answer.Choices[0].Message.Content, nil
}

// traffic asks without pause until it is stopped.
type traffic struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	asked int
	err   error
}

func startTraffic(ctx context.Context, endpoint, model string) *traffic {
	loop, cancel := context.WithCancel(ctx)
	t := &traffic{cancel: cancel}
	t.done.Go(func() {
		for loop.Err() == nil {
			_, err := complete(ctx, endpoint, model)
			t.mu.Lock()
			t.asked++
			if err != nil && t.err == nil {
				t.err = err
			}
			t.mu.Unlock()
			time.Sleep(2 * time.Millisecond) // leave the two cores some room
		}
	})
	return t
}

// stop ends the traffic and tells how many requests were made, and the first
// that failed.
func (t *traffic) stop() (asked int, failed error) {
	t.cancel()
	t.done.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked, t.err
}

// page asks for a page that should be there.
func page(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return nil
}
