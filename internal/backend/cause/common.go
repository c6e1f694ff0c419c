package cause

import (
	"slices"

	"github.com/aim-engine/aim"
)

// Hints that several messages share.
const (
	hintToken  = "accept the model's licence on the hub and give a token as the secret HF_TOKEN"
	hintRemote = "read the code in the model's repository, then let the operator set node.remote_code for it and deploy a recipe with trust_remote_code: true"
	hintShm    = "give the server more shared memory"
	hintLimit  = "look at the memory limit of the server and the host's kernel log"
	hintDevice = "the server cannot open /dev/kfd or its render node; look at their groups on the node with: aim gpu list"
	hintLimits = "the server's limits are too low, or those of the node's agent: look at ulimit and the pids limit there"
	hintWrite  = "the server's user may not write there; the node's setting node.level has a less strict level"
	hintRead   = "make the weights readable for the user that servers run as"
	hintHub    = "servers read weights from the node's cache and nothing from the hub; what an option names must be fetched first: aim model fetch"
	hintImage  = "take another image, built for this ROCm version and GPU type"
	hintKernel = "another rung runs without AMD's tuned kernels"
	hintComm   = "look at the links between the GPUs, and at NCCL_DEBUG=INFO in the log of another try"
	hintWeight = "this server version expects other weights than the checkpoint has: take a newer image"
)

// Common lists what the layers below every backend write, from the command line
// down to the hardware. A backend's own causes go before it. Order matters where
// one line has the words of two causes: the narrower stands first.
func Common() []Cause {
	return slices.Concat(parserCauses, hubCauses, modelCauses, hostCauses, imageCauses, kernelCauses, gpuCauses, commCauses)
}

// parserCauses: argparse.
var parserCauses = []Cause{
	Names(aim.ClassOption, "", "unrecognized arguments"),
	Names(aim.ClassOption, "", "error: argument "),
	Names(aim.ClassOption, "", "invalid choice"),
}

// hubCauses: huggingface_hub, transformers and safetensors reading a repository.
var hubCauses = []Cause{
	Names(aim.ClassRemoteCode, hintRemote, "trust_remote_code=True"),
	Names(aim.ClassRemoteCode, hintRemote, "custom code which must be executed"),
	Names(aim.ClassMissing, "check the model's id; a private repository needs a token as the secret HF_TOKEN", "RepositoryNotFoundError"),
	Names(aim.ClassMissing, "check the revision", "RevisionNotFound"),
	Names(aim.ClassAuth, hintToken, "GatedRepoError"),
	Names(aim.ClassAuth, hintToken, "gated repo"),
	Names(aim.ClassMissing, hintHub, "OfflineModeIsEnabled"),
	Names(aim.ClassMissing, hintHub, "offline mode is enabled"),
	Names(aim.ClassMissing, hintHub, "LocalEntryNotFoundError"),
	Names(aim.ClassMissing, hintHub, "Invalid repository ID or local directory"),
	Names(aim.ClassMissing, hintHub, "is not a local folder and is not a valid model identifier"),
	Names(aim.ClassMissing, hintHub, "does not appear to have a file named"),
	Names(aim.ClassWeights, "a weight file is damaged; fetch the model again with: aim model remove and aim model fetch", "SafetensorError"),
	Names(aim.ClassWeights, hintRead, "Permission denied: '", "/models--"),
	Names(aim.ClassWeights, hintRead, "Permission denied: '", ".safetensors'"),
	Names(aim.ClassWeights, hintRead, "Permission denied: '", "config.json'"),
	Names(aim.ClassWeights, hintRead, "Permission denied: '", "tokenizer"),
	Suggests(aim.ClassWeights, hintHub, "429 Client Error"),
	Suggests(aim.ClassWeights, hintHub, "Max retries exceeded with url"),
	Suggests(aim.ClassWeights, hintHub, "couldn't connect to 'http"),
	Suggests(aim.ClassAuth, hintToken, "401 Client Error"),
	Suggests(aim.ClassAuth, hintToken, "403 Client Error"),
	Suggests(aim.ClassMissing, "check the model's id and revision", "404 Client Error"),
}

// modelCauses: a model that this server version does not load.
var modelCauses = []Cause{
	Names(aim.ClassArch, "", "does not recognize this architecture"),
	Names(aim.ClassArch, "", "Should have a `model_type` key in its config.json"),
	Names(aim.ClassArch, "", "Unrecognized configuration class"),
	Names(aim.ClassArch, "", "Tokenizer class", "does not exist or is not currently imported"),
	Names(aim.ClassArch, hintWeight, "There is no module or parameter named"),
	Names(aim.ClassQuant, hintWeight, "KeyError: '", "_scale"),
	Names(aim.ClassQuant, hintWeight, "KeyError: '", ".qweight"),
	Names(aim.ClassQuant, hintWeight, "KeyError: '", ".qzeros"),
	Names(aim.ClassArch, hintWeight, "KeyError: '", "layers."),
	Names(aim.ClassArch, hintWeight, "KeyError: '", ".weight'"),
	Names(aim.ClassQuant, "", "not supported in this architecture", "dtypes"),
	Names(aim.ClassQuant, "", "quantization is currently not supported in"),
}

// hostCauses: memory, shared memory, disk, ports and limits of the machine and of
// the container.
var hostCauses = []Cause{
	Names(aim.ClassHostOOM, hintShm, "/dev/shm"),
	Names(aim.ClassHostOOM, hintShm, "unable to write to file </torch_"),
	Names(aim.ClassHostOOM, hintShm, "insufficient shared memory"),
	Names(aim.ClassHostOOM, hintLimit, "DefaultCPUAllocator"),
	Names(aim.ClassHostOOM, hintLimit, "Cannot allocate memory"),
	Names(aim.ClassDisk, "free space where the weights are kept, or remove models with: aim model remove", "No space left on device: '/"),
	Names(aim.ClassRuntime, hintDevice, "/dev/kfd", "ermission denied"),
	Names(aim.ClassRuntime, hintWrite, "Permission denied: '/"),
	Names(aim.ClassRuntime, hintWrite, "Read-only file system"),
	Names(aim.ClassRuntime, hintLimits, "Too many open files"),
	Names(aim.ClassRuntime, hintLimits, "can't start new thread"),
	Names(aim.ClassRuntime, hintLimits, "pthread_create failed"),
	Names(aim.ClassRuntime, "the server's user is not in the image's /etc/passwd; the node's setting node.level has a less strict level", "getpwuid()"),
	Names(aim.ClassPort, "", "ddress already in use"), // written with and without a capital
	Names(aim.ClassPort, "", "EADDRINUSE"),
	Suggests(aim.ClassDisk, "free space where the weights are kept, or remove models with: aim model remove", "No space left on device"),
	Suggests(aim.ClassHostOOM, hintShm, "us error"),
	Signals(aim.ClassRuntime, "the node's CPU lacks an instruction that the image was built with", "llegal instruction"),
	Signals(aim.ClassHostOOM, hintLimit, "exit code -9"),
	Signals(aim.ClassHostOOM, hintLimit, "exitcode -9"),
}

// imageCauses: libraries of the image that do not fit together or were not built
// for this GPU.
var imageCauses = []Cause{
	Names(aim.ClassAttention, hintKernel, "aiter", "undefined symbol"), // compiled at the start, not part of the image
	Names(aim.ClassBroken, hintImage, "invalid device function"),
	Names(aim.ClassBroken, hintImage, "no kernel image is available"),
	Names(aim.ClassBroken, hintImage, "device kernel image is invalid"),
	Names(aim.ClassBroken, hintImage, "hipErrorNoBinaryForGpu"),
	Names(aim.ClassBroken, hintImage, "HSA_STATUS_ERROR_INVALID_ISA"),
	Names(aim.ClassBroken, hintImage, "HSA_STATUS_ERROR_INVALID_CODE_OBJECT"),
	Names(aim.ClassBroken, hintImage, "HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION"),
	Names(aim.ClassBroken, hintImage, "error while loading shared libraries"),
	Suggests(aim.ClassBroken, hintImage, "cannot open shared object file"),
	Suggests(aim.ClassBroken, hintImage, "undefined symbol"),
	Suggests(aim.ClassBroken, hintImage, "version `GLIBC"),
	Suggests(aim.ClassBroken, hintImage, "'_OpNamespace'", "has no attribute"),
	Suggests(aim.ClassBroken, hintImage, "ModuleNotFoundError: No module named"),
	Suggests(aim.ClassBroken, hintImage, "ImportError: cannot import name"),
	Suggests(aim.ClassBroken, hintImage, "ImportError", "not found in your environment"),
}

// kernelCauses: Triton, AITER and graph capture; nothing is wrong with the GPU.
var kernelCauses = []Cause{
	Names(aim.ClassAttention, hintKernel, "out of resource: shared memory"),
	Names(aim.ClassAttention, hintKernel, "PassManager::run failed"),
	Names(aim.ClassAttention, hintKernel, "iter MLA only supports"),
	Names(aim.ClassAttention, hintKernel, "Head size", "is not supported by"),
	Names(aim.ClassAttention, hintKernel, "Try a different backend by setting --attention-backend"),
	Names(aim.ClassAttention, hintKernel, "MLA", "not yet supported"),
	Names(aim.ClassAttention, hintKernel, "Invalid FlyDSL kernel name"),
	Names(aim.ClassAttention, hintKernel, "not permitted on an event last recorded in a capturing stream"),
}

// gpuCauses: PyTorch, HIP and HSA. Only messages that say that a GPU failed, or ran
// what it must not, are of class gpu_fault: that class takes GPUs out of service.
var gpuCauses = []Cause{
	Names(aim.ClassRuntime, hintDevice, "No HIP GPUs are available"),
	Names(aim.ClassRuntime, hintDevice, "No CUDA GPUs are available"),
	Names(aim.ClassRuntime, hintDevice, "no ROCm-capable device is detected"),
	Names(aim.ClassRuntime, hintDevice, "hipErrorNoDevice"),
	Names(aim.ClassRuntime, hintDevice, "ROCk module is NOT loaded"),
	Names(aim.ClassGPUFault, "look at the GPU's errors with: aim gpu list", "Memory access fault by GPU node"),
	Names(aim.ClassGPUFault, "look at the GPU's errors with: aim gpu list", "HW Exception by GPU node"),
	Names(aim.ClassGPUFault, "look at the GPU's errors with: aim gpu list", "uncorrectable ECC error"),
	Names(aim.ClassGPUFault, "", "hipErrorIllegalAddress"),
	Names(aim.ClassGPUFault, "", "illegal memory access"),
	Names(aim.ClassGPUFault, "", "hipErrorECCNotCorrectable"),
	Names(aim.ClassGPUFault, "", "HSA_STATUS_ERROR_EXCEPTION"),
	Names(aim.ClassGPUFault, "", "HSA_STATUS_ERROR_MEMORY_FAULT"),
	Names(aim.ClassGPUFault, "", "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION"),
	Names(aim.ClassOOM, "", "HSA_STATUS_ERROR_OUT_OF_RESOURCES"),
	Names(aim.ClassOOM, "", "HIP out of memory"),
	Names(aim.ClassOOM, "", "HIP error: out of memory"),
	Names(aim.ClassOOM, "", "OutOfMemoryError"),
	Names(aim.ClassOOM, "", "hipErrorOutOfMemory"),
	Names(aim.ClassOOM, "", "CUDA out of memory"),
}

// commCauses: RCCL, Gloo and the store of PyTorch. A rank that dies of something
// else breaks its links too, so these only suggest.
var commCauses = []Cause{
	Suggests(aim.ClassComm, hintComm, "unhandled system error"),
	Suggests(aim.ClassComm, hintComm, "unhandled cuda error"),
	Suggests(aim.ClassComm, hintComm, "ncclSystemError"),
	Suggests(aim.ClassComm, hintComm, "ncclInternalError"),
	Suggests(aim.ClassComm, hintComm, "ncclRemoteError"),
	Suggests(aim.ClassComm, hintComm, "collective operation timeout"),
	Suggests(aim.ClassComm, hintComm, "connectFullMesh failed"),
}
