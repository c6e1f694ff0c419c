package vllm

import "github.com/aim-engine/aim"

// tier says how much a line says about the cause.
type tier int

// A specific line names the cause, wherever it stands. A general one may be
// the consequence of a specific one (a missing repository is reported after
// the 401 that the hub answers). A sign is only what others saw of it.
const (
	specific tier = iota
	general
	sign
	tiers
)

// cause is a fragment of vLLM's messages that names a cause. All words must
// stand in one line. Lines such as "Engine core initialization failed" and
// "WorkerProc initialization failed" are in nobody's list: they report that
// another process failed.
type cause struct {
	tier  tier
	class aim.Class
	words []string
	hint  string
}

const (
	hintToken  = "accept the model's licence on the hub and give a token as the secret HF_TOKEN"
	hintRemote = "read the code in the model's repository, then ask the operator of the fleet to allow trust-remote-code"
	hintOurs   = "this is a fault of AIM Engine; please report it with the log"
)

// causes is read from top to bottom for every line; the first that matches
// counts.
var causes = []cause{
	{specific, aim.ClassKVNone, []string{"No available memory for the cache blocks"}, ""},
	{specific, aim.ClassKVShort, []string{"To serve at least one request with"}, ""},
	{specific, aim.ClassKVShort, []string{"larger than the maximum number of tokens that can be stored in KV cache"}, ""},
	{specific, aim.ClassGPUBusy, []string{"Free memory on device", "less than desired GPU memory utilization"}, "see who holds it with: aim gpu list"},
	{specific, aim.ClassGPUBusy, []string{"Error in memory profiling"}, "another process used the GPU meanwhile; see who with: aim gpu list"},
	{specific, aim.ClassLength, []string{"User-specified max_model_len", "is greater than the derived"}, ""},
	{specific, aim.ClassTPHeads, []string{"must be divisible by tensor parallel size"}, ""},
	{specific, aim.ClassTPBlock, []string{"is not divisible by weight quantization block"}, ""},
	{specific, aim.ClassInternal, []string{"World size", "larger than the number of"}, hintOurs},
	{specific, aim.ClassInternal, []string{"Inconsistent GPU visibility"}, hintOurs},
	{specific, aim.ClassQuant, []string{"Unknown quantization method"}, ""},
	{specific, aim.ClassQuant, []string{"does not match the quantization method"}, ""},
	{specific, aim.ClassQuant, []string{"quantization is currently not supported in"}, ""},
	{specific, aim.ClassQuant, []string{"Minimum capability"}, ""},
	{specific, aim.ClassAttention, []string{"No valid attention backend found"}, ""},
	{specific, aim.ClassAttention, []string{"Selected backend", "is not valid"}, ""},
	{specific, aim.ClassArch, []string{"Model architecture", "not supported for now"}, ""},
	{specific, aim.ClassArch, []string{"no vLLM implementation"}, ""},
	{specific, aim.ClassArch, []string{"does not recognize this architecture"}, ""},
	{specific, aim.ClassRemoteCode, []string{"trust_remote_code=True"}, hintRemote},
	{specific, aim.ClassRemoteCode, []string{"custom code which must be executed"}, hintRemote},
	{specific, aim.ClassMissing, []string{"RepositoryNotFoundError"}, "check the model's id; a private repository needs a token as the secret HF_TOKEN"},
	{specific, aim.ClassMissing, []string{"RevisionNotFound"}, "check the revision"},
	{specific, aim.ClassAuth, []string{"GatedRepoError"}, hintToken},
	{specific, aim.ClassAuth, []string{"gated repo"}, hintToken},
	{specific, aim.ClassHostOOM, []string{"No space left on device", "/dev/shm"}, "give the server more shared memory"},
	{specific, aim.ClassDisk, []string{"No space left on device"}, "free space where the weights are kept, or remove models with: aim model remove"},
	{specific, aim.ClassParser, []string{"invalid tool call parser"}, ""},
	{specific, aim.ClassParser, []string{"invalid reasoning parser"}, ""},
	{specific, aim.ClassOption, []string{"unrecognized arguments"}, ""},
	{specific, aim.ClassOption, []string{"error: argument "}, ""},
	{specific, aim.ClassOption, []string{"invalid choice"}, ""},
	{specific, aim.ClassOption, []string{"Unknown vLLM environment variable"}, ""},
	{specific, aim.ClassPort, []string{"ddress already in use"}, ""}, // written with and without a capital
	{specific, aim.ClassGPUFault, []string{"Memory access fault by GPU node"}, "look at the GPU's errors with: aim gpu list"},
	{specific, aim.ClassGPUFault, []string{"hipErrorIllegalAddress"}, ""},
	{specific, aim.ClassGPUFault, []string{"HSA_STATUS_ERROR"}, ""},
	{specific, aim.ClassGPUFault, []string{"illegal memory access"}, ""},
	{specific, aim.ClassOOM, []string{"HIP out of memory"}, ""},
	{specific, aim.ClassOOM, []string{"OutOfMemoryError"}, ""},
	{specific, aim.ClassOOM, []string{"hipErrorOutOfMemory"}, ""},
	{specific, aim.ClassOOM, []string{"CUDA out of memory"}, ""},
	{specific, aim.ClassWeights, []string{"SafetensorError"}, "a weight file is damaged; fetch the model again with: aim model remove and aim model fetch"},
	{specific, aim.ClassWeights, []string{"Cannot find any model weights"}, ""},
	{general, aim.ClassAuth, []string{"401 Client Error"}, hintToken},
	{general, aim.ClassAuth, []string{"403 Client Error"}, hintToken},
	{general, aim.ClassMissing, []string{"404 Client Error"}, "check the model's id and revision"},
	{general, aim.ClassHostOOM, []string{"Bus error"}, "give the server more shared memory"},
	{sign, aim.ClassHostOOM, []string{"died unexpectedly"}, "look at the memory limit of the server and the host's kernel log"},
	{sign, aim.ClassHostOOM, []string{"exit code -9"}, "look at the memory limit of the server and the host's kernel log"},
	{sign, aim.ClassHostOOM, []string{"exitcode -9"}, "look at the memory limit of the server and the host's kernel log"},
}
