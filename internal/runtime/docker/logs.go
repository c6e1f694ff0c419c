package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/aim-engine/aim"
)

// Logs reads a server's output; after Remove, from the saved file. With Follow
// it goes on until the server ends or ctx does. No log is fs.ErrNotExist.
func (r *Runtime) Logs(ctx context.Context, id aim.Identity, opts aim.LogOptions) (io.ReadCloser, error) {
	c, ok, err := r.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return r.savedLog(id, opts.Tail)
	}
	log, err := r.stream(ctx, c.ID, opts)
	if err != nil {
		return nil, failure(err, "read the log of container %s", id.Server())
	}
	return log, nil
}

// logStream is stdout and stderr of a container as one text.
type logStream struct {
	*io.PipeReader
	body io.Closer
}

// Close ends the copying behind the pipe.
func (l logStream) Close() error { return errors.Join(l.PipeReader.Close(), l.body.Close()) }

func (r *Runtime) stream(ctx context.Context, containerID string, opts aim.LogOptions) (io.ReadCloser, error) {
	tail := "all"
	if opts.Tail > 0 {
		tail = strconv.Itoa(opts.Tail)
	}
	body, err := r.api.ContainerLogs(ctx, containerID, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: opts.Follow, Tail: tail,
	})
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	go func() { // ends with the body, which ends with ctx or Close
		_, err := stdcopy.StdCopy(writer, writer, body)
		writer.CloseWithError(err)
	}()
	return logStream{PipeReader: reader, body: body}, nil
}

func (r *Runtime) logFile(id aim.Identity) string {
	return filepath.Join(r.logs, filepath.Base(id.Server())+".log")
}

// saveLog copies the log of a container to its file, and deletes the oldest
// files beyond the number to keep.
func (r *Runtime) saveLog(ctx context.Context, containerID string, id aim.Identity) error {
	log, err := r.stream(ctx, containerID, aim.LogOptions{})
	if err != nil {
		return err
	}
	defer log.Close()
	tmp, err := os.CreateTemp(r.logs, ".draft-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = io.Copy(tmp, log)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), r.logFile(id)); err != nil {
		return err
	}
	return r.pruneLogs()
}

func (r *Runtime) pruneLogs() error {
	entries, err := os.ReadDir(r.logs)
	if err != nil {
		return err
	}
	var logs []os.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".log") {
			logs = append(logs, info)
		}
	}
	slices.SortFunc(logs, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, log := range logs[min(len(logs), r.opts.KeepLogs):] {
		err = errors.Join(err, os.Remove(filepath.Join(r.logs, log.Name())))
	}
	return err
}

// savedLog opens the log of a removed container, at its last lines when tail > 0.
func (r *Runtime) savedLog(id aim.Identity, tail int) (io.ReadCloser, error) {
	file, err := os.Open(r.logFile(id))
	if err != nil {
		return nil, fmt.Errorf("log of server %s: %w", id.Server(), err)
	}
	if tail == 0 {
		return file, nil
	}
	defer file.Close()
	lines, err := lastLines(file, tail)
	if err != nil {
		return nil, fmt.Errorf("log of server %s: %w", id.Server(), err)
	}
	return io.NopCloser(strings.NewReader(strings.Join(lines, ""))), nil
}

// lastLines reads to the end and keeps the last n lines.
func lastLines(r io.Reader, n int) ([]string, error) {
	var lines []string
	for in := bufio.NewReader(r); ; {
		line, err := in.ReadString('\n')
		if line != "" {
			lines = append(lines, line)
		}
		if len(lines) > n {
			lines = lines[1:]
		}
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
