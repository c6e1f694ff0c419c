package hub

import (
	"context"
	"fmt"
)

// plan decides which files to have, with size and etag of each. The index of the
// weights, where there is one, is fetched first: it names them.
func (f *fetch) plan(ctx context.Context) (commit string, files []file, err error) {
	in, err := f.api.describe(ctx)
	if err != nil {
		return "", nil, err
	}
	var indexed []string
	if f.api.repo.kind == "" {
		if err := f.api.part(ctx, in); err != nil {
			return "", nil, err
		}
		if indexed, err = f.indexed(ctx, in); err != nil {
			return "", nil, err
		}
	}
	files, err = chooseFor(f.api.repo.kind, in.files, indexed)
	if err != nil {
		return "", nil, err
	}
	for i, want := range files {
		if files[i], err = f.described(ctx, in.commit, want); err != nil {
			return "", nil, err
		}
	}
	return in.commit, files, nil
}

// indexed reads the safetensors index, nil where the repository has none.
func (f *fetch) indexed(ctx context.Context, in info) ([]string, error) {
	for _, want := range in.files {
		if want.Name != safetensorsIndex {
			continue
		}
		want, err := f.described(ctx, in.commit, want)
		if err != nil {
			return nil, err
		}
		if want.Size > maxIndex {
			return nil, fmt.Errorf("%w: %s has %d bytes", errBadAnswer, want.Name, want.Size)
		}
		if err := f.one(ctx, in.commit, want); err != nil {
			return nil, err
		}
		data, err := readAll(f.store.root.FS(), f.store.blob(want.Blob))
		if err != nil {
			return nil, diskError{err}
		}
		names, err := decodeIndex(data)
		if err != nil {
			return nil, fmt.Errorf("%w: %v", errBadAnswer, err)
		}
		return names, nil
	}
	return nil, nil
}

// described asks for what a mirror has left out of its description.
func (f *fetch) described(ctx context.Context, commit string, want file) (file, error) {
	if want.known() {
		return want, nil
	}
	got, err := f.api.stat(ctx, commit, want.Name)
	if err != nil {
		return file{}, err
	}
	if !got.known() || !isBlob(got.Blob) {
		return file{}, fmt.Errorf("%w: no size and etag of %s", errBadAnswer, want.Name)
	}
	return got, nil
}

// admit counts what is here and what is missing, and refuses a fetch that does
// not fit on the disk. Files of the same content are one download.
func (h *Hub) admit(f *fetch, commit string, files []file) (todo []file, err error) {
	var total, done, missing int64
	seen := make(map[string]bool, len(files))
	for _, want := range files {
		if seen[want.Blob] {
			continue
		}
		seen[want.Blob] = true
		total += want.Size
		if f.store.has(want) || f.store.placed(commit, want) {
			done += want.Size
			continue
		}
		begun := f.store.begun(want)
		done += begun
		missing += want.Size - begun
		todo = append(todo, want)
	}
	f.progress.begin(done, total)
	return todo, h.checkRoom(f.store, missing)
}
