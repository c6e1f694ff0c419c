package metrics

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aim-engine/aim"
)

// Bounds of one reading. vLLM with eight engines and all options writes 200 KB.
const (
	maxBody    = 32 << 20
	maxLine    = 64 << 10
	maxBuckets = 200
)

// Get reads a server's metrics once. How long it may take is up to ctx.
func Get(ctx context.Context, client *http.Client, url string, t Table) (aim.Reading, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return aim.Reading{}, fmt.Errorf("ask %s: %w", url, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return aim.Reading{}, fmt.Errorf("read %s: %w", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return aim.Reading{}, fmt.Errorf("read %s: it answers %s", url, resp.Status)
	}
	m, err := Read(resp.Body, t)
	if err != nil {
		return aim.Reading{}, fmt.Errorf("read %s: %w", url, err)
	}
	m.At = time.Now()
	return m, nil
}

// Read reads the text format. Lines that are not of it, and numbers that cannot be
// (a NaN, a negative count), count for nothing. An error is one of the reader.
func Read(r io.Reader, t Table) (aim.Reading, error) {
	m := aim.UnknownReading(time.Time{})
	lines := bufio.NewReaderSize(io.LimitReader(r, maxBody), maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if err == bufio.ErrBufferFull { // no series of ours is so long
			err = skipLine(lines)
			line = nil
		}
		t.take(&m, string(line))
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return aim.Reading{}, err
		}
	}
}

func skipLine(r *bufio.Reader) (err error) {
	for err = bufio.ErrBufferFull; err == bufio.ErrBufferFull; {
		_, err = r.ReadSlice('\n')
	}
	return err
}

// take adds one line:
//
//	vllm:num_requests_running{engine="0",model_name="acme/Chat"} 3.0
func (t Table) take(m *aim.Reading, line string) {
	end := strings.IndexAny(line, "{ ")
	if end <= 0 || line[0] == '#' {
		return
	}
	name := line[:end]
	base, bucket := strings.CutSuffix(name, "_bucket")
	s, ours := t[name]
	if bucket {
		s, ours = t[base]
	}
	if !ours || bucket != (s.buckets != nil) {
		return
	}
	labels, number := line[end:], ""
	if i := strings.LastIndexByte(labels, '}'); i >= 0 {
		labels, number = labels[:i], labels[i+1:]
	} else {
		labels, number = "", labels
	}
	value, ok := quantity(number)
	switch {
	case !ok || s.only != nil && !slices.Contains(s.only, label(labels, s.label)):
	case bucket:
		put(s.buckets(m), label(labels, "le"), value)
	default:
		join(s.into(m), value, s.join)
	}
}

// join adds a sample of one engine to those of the others.
func join(into *float64, value float64, by func(a, b float64) float64) {
	if math.IsNaN(*into) {
		*into = value
	} else {
		*into = by(*into, value)
	}
}

// quantity reads the number of a sample, before its timestamp if it has one.
func quantity(text string) (value float64, ok bool) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return 0, false
	}
	value, err := strconv.ParseFloat(fields[0], 64)
	return value, err == nil && value >= 0 && !math.IsInf(value, 0) // NaN is not >= 0
}

// label is the value of a label; values with quotes in them are none of ours.
func label(labels, name string) string {
	for rest := labels; ; {
		i := strings.Index(rest, name+`="`)
		if i < 0 {
			return ""
		}
		value, after, _ := strings.Cut(rest[i+len(name)+2:], `"`)
		if i > 0 && (rest[i-1] == '{' || rest[i-1] == ',' || rest[i-1] == ' ') {
			return value
		}
		rest = after
	}
}

// put adds the samples of one bucket; those of several engines add up.
func put(h *aim.Histogram, le string, count float64) {
	bound, err := strconv.ParseFloat(le, 64)
	if err != nil || math.IsNaN(bound) {
		return
	}
	i, found := slices.BinarySearch(h.Bounds, bound)
	switch {
	case found:
		h.Counts[i] += count
	case len(h.Bounds) < maxBuckets:
		h.Bounds, h.Counts = slices.Insert(h.Bounds, i, bound), slices.Insert(h.Counts, i, count)
	}
}
