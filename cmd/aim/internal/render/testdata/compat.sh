# rung 1
docker run \
  --name chat \
  --restart no \
  --stop-signal SIGTERM \
  --no-healthcheck \
  --ipc private \
  --cap-drop ALL \
  --security-opt no-new-privileges \
  --cpus 8 \
  --memory 34359738368 \
  --memory-swap 34359738368 \
  --pids-limit 4096 \
  --shm-size 17179869184 \
  --log-driver json-file \
  --log-opt max-file=3 \
  --log-opt max-size=50m \
  --device /dev/kfd \
  --device /dev/dri/renderD128 \
  --device /dev/dri/renderD136 \
  --group-add 44 \
  --group-add 992 \
  --mount type=bind,source=/var/lib/aim/hf,target=/var/lib/aim/hf,readonly \
  --publish 10.0.0.5:18000:8000 \
  --env 'GREETING=it'\''s $5' \
  --env HF_HOME=/var/lib/aim/hf \
  --env HF_TOKEN \
  --entrypoint vllm \
  rocm/vllm:rocm7.0_vllm_0.16.0 \
  serve Qwen/Qwen3-32B \
  --served-model-name chat \
  --host 0.0.0.0 \
  --port 8000 \
  --hf-overrides '{"rope":"50% of $x'\''s"}' \
  --enforce-eager
