package cause

import "github.com/aim-engine/aim"

// Hints that several messages share.
const (
	hintToken  = "accept the model's licence on the hub and give a token as the secret HF_TOKEN"
	hintRemote = "read the code in the model's repository, then ask the operator of the fleet to allow trust-remote-code"
	hintShm    = "give the server more shared memory"
	hintLimit  = "look at the memory limit of the server and the host's kernel log"
)

// Common lists what the layers below every backend write: the Hugging Face
// libraries, Python, PyTorch, ROCm. A backend's own causes go before it.
func Common() []Cause {
	return []Cause{
		Names(aim.ClassOption, "", "unrecognized arguments"),
		Names(aim.ClassOption, "", "error: argument "),
		Names(aim.ClassOption, "", "invalid choice"),
		Names(aim.ClassRemoteCode, hintRemote, "trust_remote_code=True"),
		Names(aim.ClassRemoteCode, hintRemote, "custom code which must be executed"),
		Names(aim.ClassArch, "", "does not recognize this architecture"),
		Names(aim.ClassMissing, "check the model's id; a private repository needs a token as the secret HF_TOKEN", "RepositoryNotFoundError"),
		Names(aim.ClassMissing, "check the revision", "RevisionNotFound"),
		Names(aim.ClassAuth, hintToken, "GatedRepoError"),
		Names(aim.ClassAuth, hintToken, "gated repo"),
		Names(aim.ClassHostOOM, hintShm, "No space left on device", "/dev/shm"),
		Names(aim.ClassDisk, "free space where the weights are kept, or remove models with: aim model remove", "No space left on device"),
		Names(aim.ClassPort, "", "ddress already in use"), // written with and without a capital
		Names(aim.ClassGPUFault, "look at the GPU's errors with: aim gpu list", "Memory access fault by GPU node"),
		Names(aim.ClassGPUFault, "", "hipErrorIllegalAddress"),
		Names(aim.ClassGPUFault, "", "HSA_STATUS_ERROR"),
		Names(aim.ClassGPUFault, "", "illegal memory access"),
		Names(aim.ClassOOM, "", "HIP out of memory"),
		Names(aim.ClassOOM, "", "OutOfMemoryError"),
		Names(aim.ClassOOM, "", "hipErrorOutOfMemory"),
		Names(aim.ClassOOM, "", "CUDA out of memory"),
		Names(aim.ClassWeights, "a weight file is damaged; fetch the model again with: aim model remove and aim model fetch", "SafetensorError"),
		Suggests(aim.ClassAuth, hintToken, "401 Client Error"),
		Suggests(aim.ClassAuth, hintToken, "403 Client Error"),
		Suggests(aim.ClassMissing, "check the model's id and revision", "404 Client Error"),
		Suggests(aim.ClassHostOOM, hintShm, "Bus error"),
		Signals(aim.ClassHostOOM, hintLimit, "exit code -9"),
		Signals(aim.ClassHostOOM, hintLimit, "exitcode -9"),
	}
}
