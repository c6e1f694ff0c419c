#!/bin/sh
# Builds Temporal's server, schema tool and UI, and NATS, in the versions of devserver,
# into FOLDER, unless they are there:
#
#   deploy/images/programs.sh FOLDER
set -eu

out=$(mkdir -p "$1" && cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
export CGO_ENABLED=0

# version MODULE prints what devserver requires of it.
version() { sed -n "s|^\t$1 v||p" "$root/devserver/go.mod" | cut -d' ' -f1; }
server=$(version go.temporal.io/server)
ui=$(version github.com/temporalio/ui-server/v2)
nats=$(version github.com/nats-io/nats-server/v2)

# A module of its own with what devserver requires.
if [ "$(cat "$out/versions" 2>/dev/null)" != "$server $ui $nats" ]; then
	mkdir -p "$out/module"
	cp "$root/devserver/go.mod" "$root/devserver/go.sum" "$out/module/"
	build() { (cd "$out/module" && GOFLAGS='-mod=mod -trimpath' go build -ldflags '-s -w' -o "$out/$1" "$2"); }
	build nats-server github.com/nats-io/nats-server/v2
	build temporal-server go.temporal.io/server/cmd/server
	build temporal-sql-tool go.temporal.io/server/cmd/tools/sql
	build ui-server github.com/temporalio/ui-server/v2/cmd/server
	cp "$(cd "$out/module" && GOFLAGS=-mod=mod go list -m -f '{{.Dir}}' github.com/temporalio/ui-server/v2)/config/docker.yaml" "$out/ui-docker.yaml"
	chmod u+w "$out/ui-docker.yaml"
	echo "$server $ui $nats" >"$out/versions"
fi
