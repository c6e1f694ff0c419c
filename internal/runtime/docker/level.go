package docker

import (
	"github.com/aim-engine/aim"
	"github.com/docker/docker/api/types/container"
)

// strictUser is a user that no image gives files to; 65532 is the "nonroot" of
// distroless images.
const strictUser = "65532:65532"

// scratchSize bounds /tmp of a read-only container. Compile caches of Triton,
// Inductor and AITER take some GiB; what is written counts as its memory.
const scratchSize = "8g"

// What each level closes, beyond what is the same for all of them (Spec):
//
//	          user           root fs      capabilities      seccomp
//	strict    65532:65532    read-only    none              Docker's default
//	compat    the image's    writable     none              Docker's default
//	vendor    the image's    writable     Docker's default  unconfined
//
// Vendor follows the docker run line of AMD's guides for ROCm images. Left out
// of that line even there: --privileged, --cap-add SYS_PTRACE (for debuggers),
// --ipc=host (--shm-size serves the same purpose), --network=host, and the whole
// of /dev/dri, which would hand over every GPU.
func applyLevel(level aim.Level, user string, cfg *container.Config, host *container.HostConfig) error {
	switch level {
	case aim.LevelStrict:
		cfg.User = user
		host.ReadonlyRootfs = true
		// Compilers load what they have just built, so it must be executable.
		host.Tmpfs = map[string]string{"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=" + scratchSize}
		host.CapDrop = []string{"ALL"}
	case aim.LevelCompat:
		host.CapDrop = []string{"ALL"}
	case aim.LevelVendor:
		host.SecurityOpt = append(host.SecurityOpt, "seccomp=unconfined")
	default:
		return aim.Failf(aim.ClassInput, "container level %q is not known", level).
			WithHint("use %s, %s or %s", aim.LevelStrict, aim.LevelCompat, aim.LevelVendor)
	}
	return nil
}

// levelEnv is where a server without a home of its own writes, below everything
// that the launch sets. A launch that mounts a writable cache points these
// variables there, so that compiled kernels outlive the container.
func levelEnv(level aim.Level) map[string]string {
	if level != aim.LevelStrict {
		return map[string]string{}
	}
	return map[string]string{
		"HOME": "/tmp",
		// PyTorch asks who it is to name its cache, and fails for a uid without
		// an entry in /etc/passwd unless the environment answers.
		"USER":                    "aim",
		"XDG_CACHE_HOME":          "/tmp/.cache",
		"XDG_CONFIG_HOME":         "/tmp/.config",
		"TRITON_CACHE_DIR":        "/tmp/.triton",
		"TORCHINDUCTOR_CACHE_DIR": "/tmp/.inductor",
		"VLLM_CACHE_ROOT":         "/tmp/.cache/vllm",
		"VLLM_CONFIG_ROOT":        "/tmp/.config/vllm",
		"NUMBA_CACHE_DIR":         "/tmp/.cache/numba",
	}
}
