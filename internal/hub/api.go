package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// api speaks to the hub about one repository.
type api struct {
	client   *http.Client
	endpoint *url.URL
	token    string // "" = none
	pace     pace
	repo     repo
}

// describe asks for the commit and the files of the revision.
func (a *api) describe(ctx context.Context) (info, error) {
	u := a.endpoint.JoinPath("api", "models", a.repo.id, "revision").String() +
		"/" + url.PathEscape(a.repo.revision) + "?blobs=true"
	var in info
	err := a.pace.keep(ctx, func() (bool, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, a.pace.answer, errEndless)
		defer cancel()
		resp, err := a.do(ctx, http.MethodGet, u, 0)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		data, err := readAnswer(ctx, resp.Body, maxInfo)
		if err != nil {
			return false, err
		}
		in, err = decodeInfo(data)
		return false, err
	})
	if err != nil {
		return info{}, fmt.Errorf("ask for model %s: %w", a.repo, err)
	}
	return in, nil
}

// stat asks for size and etag of one file, which also shows whether the token
// may read it. Large files are redirected to another host; the hub's own headers
// on the redirect speak of the file (X-Linked-*).
func (a *api) stat(ctx context.Context, commit, name string) (file, error) {
	f := file{Name: name, Size: -1}
	err := a.pace.keep(ctx, func() (bool, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, a.pace.answer, errEndless)
		defer cancel()
		resp, err := a.do(ctx, http.MethodHead, a.fileURL(commit, name), 0)
		if err != nil {
			return false, err
		}
		resp.Body.Close()
		etag := firstOf(resp.Header, "X-Linked-Etag", "ETag")
		f.Blob = strings.ToLower(strings.Trim(strings.TrimPrefix(etag, "W/"), `"`))
		if f.Size, err = strconv.ParseInt(firstOf(resp.Header, "X-Linked-Size", "Content-Length"), 10, 64); err != nil {
			f.Size = -1
		}
		return false, nil
	})
	if err != nil {
		return file{}, fmt.Errorf("ask for %s of model %s: %w", name, a.repo, err)
	}
	return f, nil
}

// get opens the content of a file from offset on. from is where the body really
// starts: 0 where the server ignores ranges.
func (a *api) get(ctx context.Context, commit string, f file, offset int64) (body io.ReadCloser, from int64, err error) {
	resp, err := a.do(ctx, http.MethodGet, a.fileURL(commit, f.Name), offset)
	if err != nil {
		return nil, 0, err
	}
	if resp.StatusCode == http.StatusOK {
		if resp.ContentLength >= 0 && resp.ContentLength != f.Size {
			resp.Body.Close()
			return nil, 0, fmt.Errorf("%w: %s has %d bytes, not %d", errBadAnswer, f.Name, resp.ContentLength, f.Size)
		}
		return resp.Body, 0, nil
	}
	want := fmt.Sprintf("bytes %d-", offset)
	if got := resp.Header.Get("Content-Range"); !strings.HasPrefix(got, want) {
		resp.Body.Close()
		return nil, 0, fmt.Errorf("%w: asked for %q of %s, got %q", errBadAnswer, want, f.Name, got)
	}
	return resp.Body, offset, nil
}

// maxInfo bounds the description of a repository: the largest, of data sets with
// a hundred thousand files, have some 30 MB.
const maxInfo = 64 << 20

// errEndless is a small answer that goes on for ever, or comes so slowly that it
// might as well.
var errEndless = errors.New("the answer does not end")

// readAnswer reads a small answer, in full or not at all.
func readAnswer(ctx context.Context, body io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, most+1))
	if err != nil {
		return nil, cause(ctx, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%w: it has more than %s", errBadAnswer, size(uint64(most)))
	}
	return data, nil
}

// do sends one request. Any status but 2xx, and 3xx for HEAD, is an *answer.
func (a *api) do(ctx context.Context, method, u string, offset int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errBadAnswer, err)
	}
	req.Header.Set("User-Agent", "aim-engine")
	// Compression on the way would break sizes and ranges.
	req.Header.Set("Accept-Encoding", "identity")
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, cause(ctx, redact(err))
	}
	ok := resp.StatusCode/100 == 2 || method == http.MethodHead && resp.StatusCode/100 == 3
	if ok && (offset > 0 || resp.StatusCode != http.StatusPartialContent) {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, a.newAnswer(resp)
}

// redact drops the URL from an error of net/http: behind a redirect it holds a
// signature that gives access to the file.
func redact(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// fileURL is where a file's content is; the commit pins it.
func (a *api) fileURL(commit, name string) string {
	segments := strings.Split(name, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return a.endpoint.JoinPath(a.repo.id, "resolve", commit).JoinPath(segments...).String()
}

// firstOf is the first header that is set.
func firstOf(h http.Header, names ...string) string {
	for _, name := range names {
		if v := h.Get(name); v != "" {
			return v
		}
	}
	return ""
}
