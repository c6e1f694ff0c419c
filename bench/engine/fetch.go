package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim/internal/hub"
	"github.com/aim-engine/aim/internal/settings"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

const (
	// fetchModel has two weight files of fetchShard bytes: large enough that the
	// requests do not matter, small enough for a disk of a few GB.
	fetchModel = "bench/model"
	fetchShard = 512 << 20
	// fetchRounds is odd, for a median.
	fetchRounds = 5
)

// serveHub is the hub that both download from, in a process of its own.
func serveHub(ctx context.Context) error {
	s := standin.New(standin.Config{Lookup: func(id string) (standin.Model, bool) {
		return standin.Model{ShardBytes: fetchShard}, id == fetchModel
	}})
	url, err := s.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(url)
	s.Wait()
	return nil
}

// benchFetch compares a whole fetch with tools that do the same work: for each
// weight file, both at once,
//
//	curl URL | tee FILE | sha256sum; sync FILE
//
// so that on both sides every byte is received, written, hashed and on disk in the
// end. Both run in turn in every round; the figure is the median of the rounds.
func benchFetch(ctx context.Context, b *bench) (err error) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		return err
	}
	p, err := play(ctx, "hub")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.end()) }()
	url, err := p.line()
	if err != nil {
		return err
	}
	// The first description makes the hub hash its files.
	if err := get(ctx, url+"/api/models/"+fetchModel+"/revision/main?blobs=true"); err != nil {
		return err
	}
	var ratios []float64
	for range fetchRounds {
		plain, err := timeCurl(ctx, curl, url, filepath.Join(b.dir, "curl"))
		if err != nil {
			return err
		}
		fetch, err := timeFetch(ctx, url, filepath.Join(b.dir, "fetch"))
		if err != nil {
			return err
		}
		ratios = append(ratios, plain.Seconds()/fetch.Seconds())
	}
	slices.Sort(ratios)
	tell("fetch_vs_curl_ratio", ratios[len(ratios)/2], "ratio", 0.9)
	return nil
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func timeFetch(ctx context.Context, url, cache string) (time.Duration, error) {
	defer os.RemoveAll(cache)
	h, err := hub.New(settings.Weights{Cache: cache, HubEndpoint: url}, "")
	if err != nil {
		return 0, err
	}
	began := time.Now()
	_, err = h.Fetch(ctx, fetchModel, "", nil)
	return time.Since(began), err
}

func timeCurl(ctx context.Context, curl, url, dir string) (time.Duration, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	var group errgroup.Group
	began := time.Now()
	for i := range 2 {
		name := fmt.Sprintf("model-%05d-of-00002.safetensors", i+1)
		group.Go(func() error {
			return checkedCurl(ctx, curl, url+"/"+fetchModel+"/resolve/main/"+name, filepath.Join(dir, name))
		})
	}
	err := group.Wait()
	return time.Since(began), err
}

// checkedCurl fetches, hashes and syncs one file.
func checkedCurl(ctx context.Context, curl, url, file string) error {
	sh := exec.CommandContext(ctx, "sh", "-c", `"$1" -sSfL "$2" | tee "$3" | sha256sum >"$3.sum" && sync "$3"`, "sh", curl, url, file)
	if out, err := sh.CombinedOutput(); err != nil {
		return fmt.Errorf("curl into sha256sum: %w: %s", err, out)
	}
	st, err := os.Stat(file) // a pipe's last command alone tells how it ended
	if err == nil && st.Size() < fetchShard {
		err = fmt.Errorf("curl has fetched %d bytes of %s", st.Size(), url)
	}
	return err
}
