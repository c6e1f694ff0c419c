#!/bin/sh
# Build the image of the stand-in server: build.sh IMAGE
#
# IMAGE is its name, such as aim/standin:dev. GO and DOCKER name other programs
# than go and docker.
set -eu

image=${1:?"usage: build.sh IMAGE"}
here=$(cd "$(dirname "$0")" && pwd)
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT

# Static, so that the image needs nothing else; no paths of this machine in it.
(cd "$here/../.." && CGO_ENABLED=0 "${GO:-go}" build -trimpath -ldflags "-s -w" -o "$context/aim" ./cmd/aim)
cp "$here/Dockerfile" "$context/"

# The classic builder is in every Docker Engine from 20.10 on; BuildKit may not be.
DOCKER_BUILDKIT=0 "${DOCKER:-docker}" build --quiet --tag "$image" "$context"
