package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
)

// HasImage tells whether the daemon has the image, by tag or by digest.
func (r *Runtime) HasImage(ctx context.Context, ref string) (bool, error) {
	_, err := r.api.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	if cerrdefs.IsInvalidArgument(err) {
		return false, aim.Failf(aim.ClassInput, "image %q: %v", ref, err)
	}
	return err == nil, failure(err, "look for image %s", ref)
}

// Pull makes the image present. One that is here is not asked for again, so a
// tag keeps what it meant at first. Progress counts the bytes of the layers that
// the daemon has told of; the total grows while it finds more. Errors are
// Failures of class input, auth, missing, disk, image (the registry) or runtime.
func (r *Runtime) Pull(ctx context.Context, ref string, report func(aim.Progress)) error {
	name, err := container.ParseImage(ref)
	if err != nil {
		return err
	}
	if here, err := r.HasImage(ctx, ref); err != nil || here {
		return err
	}
	login, err := credentialsFor(ctx, r.opts.DockerConfig, reference.Domain(name))
	if err != nil {
		return err
	}
	stream, err := r.api.ImagePull(ctx, ref, image.PullOptions{RegistryAuth: login.header})
	if err != nil {
		return pullFailure(err, ref, login)
	}
	defer stream.Close()
	if err := follow(stream, report); err != nil {
		return pullFailure(err, ref, login)
	}
	here, err := r.HasImage(ctx, ref)
	if err == nil && !here {
		err = aim.Failf(aim.ClassImage, "image %s is not there after it has been pulled", ref)
	}
	return err
}

// pullLine is one line of the daemon's report on a pull.
type pullLine struct {
	Status string `json:"status"`
	Layer  string `json:"id"`
	Error  string `json:"error"`
	Detail struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
}

// follow reads the report to its end. The daemon reports each layer by itself,
// first its download and then its unpacking; the bytes of downloads are summed.
func follow(stream io.Reader, report func(aim.Progress)) error {
	layers := map[string]aim.Progress{}
	var last aim.Progress
	for lines := json.NewDecoder(stream); ; {
		var line pullLine
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the progress of the pull: %w", err)
		}
		if line.Error != "" {
			return errors.New(line.Error)
		}
		layers[line.Layer] = advance(layers[line.Layer], line)
		sum := aim.Progress{Step: "pull", Note: last.Note}
		for _, l := range layers {
			sum.Done += l.Done
			sum.Total += l.Total
		}
		switch line.Status {
		case "Downloading", "Extracting":
			sum.Note = strings.ToLower(line.Status)
		}
		if sum != last {
			last = sum
			report(sum)
		}
	}
}

// advance is a layer's progress after one more line about it.
func advance(layer aim.Progress, line pullLine) aim.Progress {
	switch line.Status {
	case "Downloading":
		layer.Total = max(line.Detail.Total, layer.Total, 0)
		layer.Done = min(max(line.Detail.Current, layer.Done, 0), layer.Total)
	case "Extracting":
		// The daemon says little of layers that come fast; this comes after.
		layer.Total = max(line.Detail.Total, layer.Total, 0)
		layer.Done = layer.Total
	case "Download complete", "Pull complete":
		layer.Done = layer.Total
	}
	return layer
}

// pullCauses tells classes by the words of daemons and registries, in the order
// in which they are looked for. A registry that answers "denied" does not say
// whether the repository exists; a person has to look.
var pullCauses = []struct {
	class aim.FailureClass
	hint  string
	words []string
}{
	{aim.ClassDisk, "remove images that are not used: docker image prune", []string{"no space left on device", "disk quota exceeded"}},
	{aim.ClassImage, "wait, or log in for a higher limit: docker login", []string{"toomanyrequests", "rate limit"}},
	{aim.ClassAuth, "check the name, and log in on this node: docker login", []string{
		"unauthorized", "authentication required", "denied", "no basic auth credentials", "incorrect username or password", "forbidden"}},
	{aim.ClassMissing, "check the image's name and tag", []string{
		"manifest unknown", "name unknown", "not found", "no such manifest", "invalid reference format", "no matching manifest"}},
}

// pullFailure classes the error of a pull. What is none of the above is taken
// for the registry not being reached. A refusal says whose credentials were
// refused, or why what is configured was not used: nobody can log in twice.
func pullFailure(err error, ref string, login credentials) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || client.IsErrConnectionFailed(err) {
		return failure(err, "pull image %s", ref)
	}
	text := strings.ToLower(err.Error())
	for _, cause := range pullCauses {
		for _, words := range cause.words {
			if !strings.Contains(text, words) {
				continue
			}
			fail := aim.Failf(cause.class, "pull image %s: %v", ref, err).WithHint("%s", cause.hint)
			if cause.class == aim.ClassAuth {
				login.explain(fail)
			}
			return fail
		}
	}
	return aim.Failf(aim.ClassImage, "pull image %s: %v", ref, err).
		WithHint("check that this node reaches the registry")
}

// explain says what the refusal of a registry has to do with the credentials.
func (c credentials) explain(fail *aim.Failure) {
	switch {
	case c.err != nil:
		fail.Why = fmt.Sprintf("%s; the pull was anonymous, because the credentials that are configured could not be used: %v", fail.Why, c.err)
		fail.Hint = "mend the credential helper on this node, or store the login without one: docker login"
	case c.header != "":
		fail.Why += "; the credentials are those of " + c.source
		fail.Hint = "check the image's name, and whether that login may read it"
	case c.source != "":
		fail.Why += "; the pull was anonymous: " + c.source + " has no credentials for this registry"
	}
}
