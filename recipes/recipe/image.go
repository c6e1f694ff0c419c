package recipe

import (
	"fmt"
	"regexp"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// imageVersions finds the backend's version in an image tag:
//
//	vllm/vllm-openai-rocm:v0.22.1                                   0.22.1
//	rocm/vllm:rocm7.0_ubuntu22.04_py3.12_pytorch2.8_vllm_0.16.0     0.16.0
//
// A digest, "latest" or "nightly" names none.
var imageVersions = []func() *regexp.Regexp{
	aim.Pattern(`:v?(\d+\.\d+\.\d+)(?:[._+-]|@|$)`),
	aim.Pattern(`_vllm_v?(\d+\.\d+\.\d+)`),
}

// VersionOfImage is the backend version that an image tag names, or "".
func VersionOfImage(image string) string {
	for _, p := range imageVersions {
		if m := p().FindStringSubmatch(image); m != nil {
			return m[1]
		}
	}
	return ""
}

// Exclude tells why a version is not one that the recipe is for, "" if it is. One
// that is not known passes: an image by digest says nothing.
func (v Versions) Exclude(backend, version string) string {
	switch {
	case version == "":
	case v.Min != "" && options.Newer(v.Min, version):
		return fmt.Sprintf("it is for %s %s and later, not %s", backend, v.Min, version)
	case v.Max != "" && options.Newer(version, v.Max):
		return fmt.Sprintf("it is for %s up to %s, not %s", backend, v.Max, version)
	}
	return ""
}

// ServerVersion is the backend version that the recipe's options are for: its own
// field, else its image's, else that of the default image. "" is the newest
// known: the recipe names an image that does not tell.
func (r Recipe) ServerVersion() string {
	switch {
	case r.BackendVersion != "":
		return r.BackendVersion
	case r.Image != "":
		return VersionOfImage(r.Image)
	}
	t, err := LoadTables()
	if err != nil {
		return "" // Load reports it
	}
	return t.Defaults[r.Backend].Version
}
