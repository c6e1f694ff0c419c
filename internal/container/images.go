package container

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/aim-engine/aim"
)

// ParseImage reads an image reference as Docker does: "vllm/x" is
// docker.io/vllm/x. A bad one is a Failure of class input.
func ParseImage(ref string) (reference.Named, error) {
	name, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil, aim.Failf(aim.ClassInput, "image %q: %v", ref, err)
	}
	return name, nil
}

// ImageRule is an entry of the list of images that may run. Names are compared
// as Docker reads them, component by component.
//
//	docker.io                     every image of Docker Hub
//	docker.io/vllm, vllm/         every image below vllm/ there
//	vllm/vllm-openai-rocm         this repository, whatever its tag
//	vllm/vllm-openai-rocm:v0.22.1 this tag; not beside a digest, which would decide alone
//	ghcr.io/o/x@sha256:...        this content
//	registry.corp:5000            every image of that registry
type ImageRule struct {
	text   string
	path   []string // registry, then components of the repository
	tag    string   // "" = any
	digest string   // "" = any
}

// ParseImageRule reads an entry; the error says what is wrong with it.
func ParseImageRule(text string) (ImageRule, error) {
	if strings.Contains(text, "://") {
		return ImageRule{}, fmt.Errorf("%q has a scheme: write the registry and the repository alone", text)
	}
	if name := strings.TrimSuffix(text, "/"); isRegistry(name) && !strings.ContainsAny(name, "/@") {
		// A registry is no reference; with a repository it is.
		named, err := reference.ParseNormalizedNamed(name + "/x")
		if err != nil {
			return ImageRule{}, fmt.Errorf("%q is not a registry: %v", text, err)
		}
		return ImageRule{text: text, path: []string{host(named)}}, nil
	}
	below, folder := strings.CutSuffix(text, "/")
	if folder && !strings.Contains(below, "/") {
		below = "docker.io/" + below // "vllm/" is a name space, "vllm" would be docker.io/library/vllm
	}
	named, err := reference.ParseNormalizedNamed(below)
	if err != nil {
		return ImageRule{}, fmt.Errorf("%q is not a registry, a part of a repository's name, or an image: %v", text, err)
	}
	r := ImageRule{text: text, path: parts(named)}
	if explicit := "docker.io/"; strings.HasPrefix(below, explicit) && !strings.Contains(below[len(explicit):], "/") {
		// Docker reads docker.io/vllm as docker.io/library/vllm, but whoever
		// writes the registry and one name means all below it.
		r.path = []string{"docker.io", strings.Split(below[len(explicit):], ":")[0]}
	}
	if tagged, ok := named.(reference.Tagged); ok {
		r.tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		r.digest = digested.Digest().String()
	}
	return r, nil
}

// isRegistry tells a registry from the first component of a name, as Docker
// does: by a dot, a port, or the name localhost.
func isRegistry(name string) bool {
	return strings.ContainsAny(name, ".:") || name == "localhost"
}

// host is the registry; names of hosts have no case.
func host(named reference.Named) string { return strings.ToLower(reference.Domain(named)) }

func parts(named reference.Named) []string {
	return append([]string{host(named)}, strings.Split(reference.Path(named), "/")...)
}

// String is the entry as it was written.
func (r ImageRule) String() string { return r.text }

// Allows tells whether the rule covers an image.
func (r ImageRule) Allows(image reference.Named) bool {
	have := parts(image)
	if len(have) < len(r.path) || !slices.Equal(have[:len(r.path)], r.path) {
		return false
	}
	digest := ""
	if d, ok := image.(reference.Digested); ok {
		digest = d.Digest().String()
	}
	switch {
	case r.digest != "":
		return len(have) == len(r.path) && digest == r.digest
	case r.tag != "":
		// Beside a digest a tag is only a remark: the digest says what is pulled.
		tagged, ok := reference.TagNameOnly(image).(reference.Tagged)
		return len(have) == len(r.path) && ok && digest == "" && tagged.Tag() == r.tag
	}
	return true
}

// CheckImage refuses, as a Failure of class input, an image that no entry of the
// list covers; an empty list allows all.
func CheckImage(image string, list []string) error {
	named, err := ParseImage(image)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, text := range list {
		rule, err := ParseImageRule(text)
		if err != nil {
			return aim.Failf(aim.ClassRuntime, "the node's setting node.registries is wrong: %v", err)
		}
		if rule.Allows(named) {
			return nil
		}
	}
	return aim.Failf(aim.ClassInput, "image %s is not allowed here; allowed are %s", named, strings.Join(list, ", ")).
		WithHint("choose another image, or add it to node.registries on the nodes")
}
