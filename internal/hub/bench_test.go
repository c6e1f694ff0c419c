package hub

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/settings"
)

// benchShardBytes is the size of each of the two weight files of the benchmark.
const benchShardBytes = 512 << 20

// BenchmarkFetchAgainstCurl fetches a model of 1 GiB from a hub in a process of
// its own on this machine, and the same weight files with curl, one after the
// other. fetch_vs_curl_ratio is the rate of the whole fetch, hashing and fsync
// included, by the rate of curl, which does neither; fetch_vs_checked_ratio is
// that by the rate of curl and sha256sum together. Hashing takes most of the time
// of a processor, so the first depends on how many are idle: with two, which the
// hub and the hash share with the download, it stays below 1.
func BenchmarkFetchAgainstCurl(b *testing.B) {
	for _, tool := range []string{"curl", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skipf("%s is not installed", tool)
		}
	}
	url := benchHub(b)
	var fetch, plain, checked time.Duration
	for b.Loop() {
		fetch += timeFetch(b, url)
		download, check := timeCurl(b, url)
		plain, checked = plain+download, checked+download+check
	}
	total := float64(b.N) * 2 * benchShardBytes
	b.ReportMetric(total/1e6/fetch.Seconds(), "fetch_MB/s")
	b.ReportMetric(total/1e6/plain.Seconds(), "curl_MB/s")
	b.ReportMetric(plain.Seconds()/fetch.Seconds(), "fetch_vs_curl_ratio")
	b.ReportMetric(checked.Seconds()/fetch.Seconds(), "fetch_vs_checked_ratio")
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
	h, err := New(settings.Weights{Cache: cache, HubEndpoint: url}, "")
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

// timeCurl times the download, and checking it as far as fetch does.
func timeCurl(b *testing.B, url string) (download, check time.Duration) {
	b.Helper()
	dir := b.TempDir()
	var get, files []string
	for _, name := range []string{shard1, shard2} {
		file := filepath.Join(dir, name)
		get = append(get, "-o", file, url+"/"+model+"/resolve/main/"+name)
		files = append(files, file)
	}
	download = timeCommand(b, "curl", append([]string{"-sSf"}, get...)...)
	check = timeCommand(b, "sha256sum", files...)
	os.RemoveAll(dir)
	return download, check
}

func timeCommand(b *testing.B, name string, args ...string) time.Duration {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), name, args...)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v: %s", name, err, out)
	}
	return time.Since(start)
}
