package recipes

import "regexp"

// imageVersions finds the backend's version in an image tag:
//
//	vllm/vllm-openai-rocm:v0.22.1                                   0.22.1
//	rocm/vllm:rocm7.0_ubuntu22.04_py3.12_pytorch2.8_vllm_0.16.0     0.16.0
//
// A digest, "latest" or "nightly" names none.
var imageVersions = []*regexp.Regexp{
	regexp.MustCompile(`:v?(\d+\.\d+\.\d+)(?:[._+-]|@|$)`),
	regexp.MustCompile(`_vllm_v?(\d+\.\d+\.\d+)`),
}

// versionOfImage is the backend version that an image tag names, or "".
func versionOfImage(image string) string {
	for _, p := range imageVersions {
		if m := p.FindStringSubmatch(image); m != nil {
			return m[1]
		}
	}
	return ""
}

// version is the backend version that the recipe's options are for: its own
// field, else its image's, else that of the default image. "" is the newest
// known: the recipe names an image that does not tell.
func (r Recipe) version() string {
	switch {
	case r.BackendVersion != "":
		return r.BackendVersion
	case r.Image != "":
		return versionOfImage(r.Image)
	}
	t, err := embeddedTables()
	if err != nil {
		return "" // Load reports it
	}
	return t.defaults[r.Backend].Version
}
