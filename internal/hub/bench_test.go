package hub

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// benchShardBytes is the size of each of the two weight files of the benchmark.
const benchShardBytes = 512 << 20

// BenchmarkFetchAgainstCurl fetches a model of 1 GiB from a hub in a process of
// its own on this machine, and the same weight files with curl, one after the
// other. fetch_vs_curl_ratio is the rate of the whole fetch, hashing and fsync
// included, by the rate of curl, which does neither.
func BenchmarkFetchAgainstCurl(b *testing.B) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		b.Skip("curl is not installed")
	}
	url := benchHub(b)
	var fetch, plain time.Duration
	for b.Loop() {
		fetch += timeFetch(b, url)
		plain += timeCurl(b, curl, url)
	}
	total := float64(b.N) * 2 * benchShardBytes
	b.ReportMetric(total/1e6/fetch.Seconds(), "fetch_MB/s")
	b.ReportMetric(total/1e6/plain.Seconds(), "curl_MB/s")
	b.ReportMetric(plain.Seconds()/fetch.Seconds(), "fetch_vs_curl_ratio")
	b.ReportMetric(0, "ns/op") // says nothing: it is both together
}

// benchHub starts the hub and has it hash its files before anything is timed.
func benchHub(b *testing.B) (url string) {
	b.Helper()
	cmd, _ := program(b, "serve")
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	line := make([]byte, 100)
	n, err := out.Read(line)
	if err != nil {
		b.Fatal(err)
	}
	url = strings.TrimSpace(string(line[:n]))
	resp, err := http.Get(url + "/api/models/" + model + "/revision/main?blobs=true")
	if err != nil {
		b.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return url
}

func timeFetch(b *testing.B, url string) time.Duration {
	b.Helper()
	cache := b.TempDir()
	h, err := New(Config{Cache: cache, Endpoint: url})
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	if _, err := h.Fetch(b.Context(), model, "", nil); err != nil {
		b.Fatal(err)
	}
	took := time.Since(start)
	os.RemoveAll(cache)
	return took
}

func timeCurl(b *testing.B, curl, url string) time.Duration {
	b.Helper()
	dir := b.TempDir()
	args := []string{"-sSf"}
	for _, name := range []string{shard1, shard2} {
		args = append(args, "-o", filepath.Join(dir, name), url+"/"+model+"/resolve/main/"+name)
	}
	cmd := exec.CommandContext(b.Context(), curl, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v: %s", err, &stderr)
	}
	took := time.Since(start)
	os.RemoveAll(dir)
	return took
}
