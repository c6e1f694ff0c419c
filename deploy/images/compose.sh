#!/bin/sh
# Puts docker-compose into FOLDER: the plugin of this machine, or one that is built from
# its module.
#
#   deploy/images/compose.sh FOLDER
set -eu

out=$(cd "$1" && pwd)
version=v2.40.3
[ ! -x "$out/docker-compose" ] || exit 0
for plugins in "$HOME/.docker/cli-plugins" /usr/libexec/docker/cli-plugins /usr/lib/docker/cli-plugins /usr/local/lib/docker/cli-plugins; do
	if [ -x "$plugins/docker-compose" ]; then
		cp "$plugins/docker-compose" "$out/"
		exit 0
	fi
done
# A copy: what its go.mod replaces counts in the main module alone.
source=$(GOFLAGS=-mod=mod go mod download -json "github.com/docker/compose/v2@$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$source/." "$copy" && chmod -R u+w "$copy"
(cd "$copy" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$out/docker-compose" ./cmd)
