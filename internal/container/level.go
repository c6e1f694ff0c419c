package container

import "github.com/aim-engine/aim"

// StrictUser is a user that no image gives files to; 65532 is the "nonroot" of
// distroless images.
const StrictUser = "65532:65532"

// scratchBytes bounds /tmp of a read-only container. Compile caches of Triton,
// Inductor and AITER take some GiB; what is written counts as its memory.
const scratchBytes = 8 << 30

// close applies a level: what it closes beyond what is closed for all of them.
//
//	          user           root fs      capabilities     system calls
//	strict    65532:65532    read-only    none             filtered
//	compat    the image's    writable     none             filtered
//	vendor    the image's    writable     the usual ones   all
//
// "The usual ones" and the filter are the runtime's own. Closed for all: no new
// privileges, no privileged mode, private IPC, a network of its own, exactly the
// devices of the launch.
//
// Vendor follows the docker run line of AMD's guides for ROCm images. Left out
// of that line even there: --privileged, --cap-add SYS_PTRACE (for debuggers),
// --ipc=host (--shm-size serves the same purpose), --network=host, and the whole
// of /dev/dri, which would hand over every GPU.
func (s *Spec) close(level aim.ContainerLevel, strictUser string) error {
	switch level {
	case aim.LevelStrict:
		s.User, s.ReadOnlyRoot, s.Drop = strictUser, true, true
		s.Scratch = []Scratch{{Target: "/tmp", Bytes: scratchBytes}}
	case aim.LevelCompat:
		s.Drop = true
	case aim.LevelVendor:
		s.Unconfined = true
	default:
		return aim.Failf(aim.ClassInput, "container level %q is not known", level).
			WithHint("use %s, %s or %s", aim.LevelStrict, aim.LevelCompat, aim.LevelVendor)
	}
	return nil
}

// levelEnv is where a server without a home of its own writes.
func levelEnv(level aim.ContainerLevel) map[string]string {
	if level != aim.LevelStrict {
		return nil
	}
	return HomeEnv("/tmp")
}

// HomeEnv points what servers write besides their log to one folder.
func HomeEnv(home string) map[string]string {
	return map[string]string{
		"HOME": home,
		// PyTorch asks who it is to name its cache, and fails for a uid without
		// an entry in /etc/passwd unless the environment answers.
		"USER":                    "aim",
		"XDG_CACHE_HOME":          home + "/.cache",
		"XDG_CONFIG_HOME":         home + "/.config",
		"HF_MODULES_CACHE":        home + "/.cache/hf_modules",
		"TRITON_CACHE_DIR":        home + "/.triton",
		"TORCHINDUCTOR_CACHE_DIR": home + "/.inductor",
		"VLLM_CACHE_ROOT":         home + "/.cache/vllm",
		"VLLM_CONFIG_ROOT":        home + "/.config/vllm",
		"NUMBA_CACHE_DIR":         home + "/.cache/numba",
	}
}
