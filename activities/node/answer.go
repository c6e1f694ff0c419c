package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aim-engine/aim/activities"
)

// Answer answers one of the questions of the contract, in pieces: write blocks while
// the asker is behind, and fails when it has gone.
func (n *Node) Answer(ctx context.Context, question string, payload []byte, write func(piece []byte) error) error {
	switch question {
	case activities.QuestionLogs:
		return n.answerLogs(ctx, payload, write)
	case activities.QuestionDescribe:
		return writeJSON(n.Inventory(), write)
	case activities.QuestionModel:
		var q activities.DescribeRequest
		if err := json.Unmarshal(payload, &q); err != nil {
			return fmt.Errorf("read the question about a model: %w", err)
		}
		d, err := n.Describe(ctx, q)
		if err != nil {
			return err
		}
		return writeJSON(d, write)
	}
	return fmt.Errorf("node %s does not know the question %q", n.opts.ID, question)
}

func (n *Node) answerLogs(ctx context.Context, payload []byte, write func([]byte) error) error {
	var q activities.LogQuestion
	if err := json.Unmarshal(payload, &q); err != nil {
		return fmt.Errorf("read the question for a log: %w", err)
	}
	log, err := n.Logs(ctx, q.Identity, q.LogOptions)
	if err != nil {
		return err
	}
	defer log.Close()
	piece := make([]byte, 32<<10)
	for {
		k, err := log.Read(piece)
		if k > 0 {
			if err := write(piece[:k]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func writeJSON(v any, write func([]byte) error) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return write(data)
}
