package container_test

import (
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
)

// Names that make a program run code, open a file, or talk to somebody. The rule
// does not know most of them, and that is why it refuses them.
var dangerous = strings.Fields(`BASH_ENV ENV LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT PYTHONPATH PYTHONSTARTUP PYTHONHOME PYTHONINSPECT PERL5OPT
	RUBYOPT NODE_OPTIONS JAVA_TOOL_OPTIONS GCONV_PATH HSA_TOOLS_LIB HSA_TOOLS_REPORT_LOAD_FAILURE ROCP_TOOL_LIB HSA_AMD_AQLPROFILE_LIB
	VLLM_NCCL_SO_PATH VLLM_CUDART_SO_PATH VLLM_PLUGINS VLLM_RUST_FRONTEND_PATH VLLM_MEDIA_CONNECTOR VLLM_RAY_EXTRA_ENV_VARS_TO_COPY
	VLLM_LOGGING_CONFIG_PATH VLLM_TUNED_CONFIG_FOLDER VLLM_MODEL_REDIRECT_PATH VLLM_CACHE_ROOT VLLM_CONFIG_ROOT VLLM_HOST_IP VLLM_PORT
	VLLM_ALLOW_RUNTIME_LORA_UPDATING VLLM_SERVER_DEV_MODE VLLM_USE_MODELSCOPE VLLM_LORA_RESOLVER_CACHE_DIR VLLM_ROCM_USE_PLUGIN
	NCCL_NET_PLUGIN NCCL_TUNER_PLUGIN NCCL_PROFILER_PLUGIN NCCL_NET NCCL_CONF_FILE NCCL_DEBUG_FILE NCCL_TOPO_FILE NCCL_GRAPH_FILE
	CC CXX CUDAHOSTCXX HIPCC_COMPILE_FLAGS_APPEND TRITON_PLUGIN_DIRS TRITON_LIBDEVICE_PATH TRITON_CACHE_MANAGER TORCH_LOGS_OUT TORCHINDUCTOR_CACHE_DIR
	TORCH_EXTENSIONS_DIR PYTORCH_KERNEL_CACHE_PATH AITER_JIT_DIR AITER_META_DIR MIOPEN_SYSTEM_DB_PATH ROCBLAS_TENSILE_LIBPATH HIPBLASLT_TENSILE_LIBPATH
	GIT_SSH_COMMAND PAGER EDITOR IFS SHELL PATH HOME TMPDIR XDG_CONFIG_HOME SSL_CERT_FILE REQUESTS_CA_BUNDLE HTTPS_PROXY http_proxy
	HF_ENDPOINT HF_HOME HF_HUB_OFFLINE TRANSFORMERS_CACHE HF_MODULES_CACHE OTEL_EXPORTER_OTLP_ENDPOINT OTEL_PYTHON_CONFIGURATOR GODEBUG
	ROCR_VISIBLE_DEVICES HIP_VISIBLE_DEVICES CUDA_VISIBLE_DEVICES ZE_VISIBLE_DEVICES GPU_DEVICE_ORDINAL AIM_SIM_ROOT _AIM_SHIM_GATE AIM_CONFIG MY_OWN`)

func TestDeploymentsSetNoEnvironmentThatNobodyKnows(t *testing.T) {
	for _, backend := range aim.Backends() {
		for _, name := range dangerous {
			err := container.CheckGiven(backend, map[string]string{name: "1"}, nil, nil)
			if fail := aim.FailureOf(err); fail == nil || fail.Class != aim.ClassInput || fail.Hint == "" || !strings.Contains(fail.Why, name) {
				t.Errorf("%s: %s passes: %v", backend, name, err)
			}
		}
	}
}

func TestDeploymentsTuneTheirServers(t *testing.T) {
	for backend, pairs := range map[string]string{
		"vllm": "VLLM_ROCM_USE_AITER=1 VLLM_ROCM_USE_AITER_MOE_SITUV2_A8W4=1 VLLM_ROCM_QUICK_REDUCE_QUANTIZATION=INT4 VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 NCCL_MIN_NCHANNELS=112 NCCL_SOCKET_IFNAME=eth0,^lo " +
			"HSA_NO_SCRATCH_RECLAIM=1 HIP_FORCE_DEV_KERNARG=1 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True AMDGCN_USE_BUFFER_OPS=0 OMP_NUM_THREADS=8 SAFETENSORS_FAST_GPU=1 AITER_MXFP4_INTERMEDIATE=1",
		"sglang": "SGLANG_USE_AITER=1 NCCL_IB_HCA=mlx5_0:1 GPU_MAX_HW_QUEUES=2",
		"tgi":    "PREFILL_CHUNKING=1 PYTORCH_TUNABLEOP_ENABLED=0 ROCM_USE_FLASH_ATTN_V2_TRITON=0",
	} {
		env := map[string]string{}
		for _, pair := range strings.Fields(pairs) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		if err := container.CheckGiven(backend, env, []string{"HF_TOKEN", "VLLM_API_KEY", "API_KEY"}, nil); err != nil {
			t.Errorf("%s: %v", backend, err)
		}
	}
}

func TestOperatorsListAllowsByName(t *testing.T) {
	for _, c := range []struct {
		name  string
		list  []string
		allow bool
	}{
		{"MY_OWN", []string{"MY_OWN"}, true},
		{"MY_OWN", []string{"MY_*"}, true},
		{"MY_OWN", []string{"MY_OW", "OWN", "my_own"}, false},
		{"CC", []string{"CC"}, true},                  // they may know why
		{"LD_PRELOAD", []string{"*"}, false},          // never
		{"HIP_VISIBLE_DEVICES", []string{"*"}, false}, // the node's
		{"HF_HOME", []string{"HF_HOME"}, false},       // the node's
	} {
		err := container.CheckGiven("vllm", map[string]string{c.name: "/a/path"}, nil, c.list)
		if (err == nil) != c.allow {
			t.Errorf("%s with %v: %v", c.name, c.list, err)
		}
	}
}

func TestKnownNamesTakeNoPaths(t *testing.T) {
	for _, value := range []string{"/etc/passwd", "file:/tmp/x", "../x", "a\nb"} {
		if err := container.CheckGiven("vllm", map[string]string{"NCCL_ALGO": value}, nil, nil); err == nil || strings.Contains(err.Error(), value) {
			t.Errorf("NCCL_ALGO=%q: %v", value, err)
		}
	}
}

func TestSecretsAreNamedAsSuch(t *testing.T) {
	for name, allow := range map[string]bool{
		"HF_TOKEN": true, "MY_API_KEY": true, "DB_PASSWORD": true,
		"BASH_ENV": false, "NCCL_NET_PLUGIN": false, "LD_TOKEN": false, "VLLM_PLUGINS": false, "ANYTHING": false,
	} {
		if err := container.CheckGiven("vllm", nil, []string{name}, nil); (err == nil) != allow {
			t.Errorf("secret %s: %v", name, err)
		}
	}
	if err := container.CheckGiven("vllm", nil, []string{"ANYTHING"}, []string{"ANYTHING"}); err != nil {
		t.Error(err)
	}
}
