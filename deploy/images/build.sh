#!/bin/sh
# Builds the images that docker-compose.yml names, small, from the same versions, for a
# machine that cannot pull them and for the test that starts the compose file:
#
#   deploy/images/build.sh FOLDER
#
# FOLDER keeps the programs from one time to the next: building Temporal takes minutes.
# They do what the official images do as far as the compose file relies on it. The
# database is this machine's PostgreSQL, whatever its version. It needs go, docker,
# busybox (static) and PostgreSQL's programs.
set -eu

out=$(mkdir -p "$1" && cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
busybox=$(command -v busybox)
export CGO_ENABLED=0

"$here/programs.sh" "$out"
read -r server ui nats <"$out/versions"
(cd "$root" && go build -trimpath -ldflags '-s -w' -o "$out/aim" ./cmd/aim)
(cd "$root" && go build -trimpath -ldflags '-s -w' -o "$out/nc" ./internal/e2e/compose/nc)

# image NAME builds an image of what is in $stage, with the Dockerfile on stdin.
image() {
	cat >"$stage/Dockerfile"
	DOCKER_BUILDKIT=0 docker build --quiet --tag "$1" "$stage" >/dev/null 2>"$stage/said" || { cat "$stage/said" >&2; exit 1; }
	rm -rf "$stage"
	echo "$1"
}
# begin starts a stage with a shell and its tools.
begin() {
	stage=$(mktemp -d)
	mkdir -p "$stage/root/bin" "$stage/root/etc" "$stage/root/tmp"
	cp "$busybox" "$stage/root/bin/busybox"
	for tool in sh cat chmod chown grep head hostname ip ls mkdir rm sed sleep su test touch wget; do ln -s busybox "$stage/root/bin/$tool"; done
	cp "$out/nc" "$stage/root/bin/nc"
	printf 'root:x:0:0::/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n' >"$stage/root/etc/passwd"
	printf 'root:x:0:\npostgres:x:999:\n' >"$stage/root/etc/group"
}

begin
cp "$out/temporal-server" "$here/temporal.sh" "$stage/root/bin/"
image "temporalio/server:$server" <<'END'
FROM scratch
COPY root /
ENTRYPOINT ["/bin/sh", "/bin/temporal.sh"]
END

begin
cp "$out/temporal-sql-tool" "$stage/root/bin/"
image "temporalio/admin-tools:$server" <<'END'
FROM scratch
COPY root /
ENTRYPOINT ["/bin/sh"]
END

begin
cp "$out/ui-server" "$stage/root/bin/"
mkdir "$stage/root/config" && cp "$out/ui-docker.yaml" "$stage/root/config/docker.yaml"
image "temporalio/ui:$ui" <<'END'
FROM scratch
COPY root /
ENTRYPOINT ["/bin/ui-server", "--root", "/", "--env", "docker", "start"]
END

begin
cp "$out/nats-server" "$stage/root/bin/"
image "nats:$nats-alpine" <<'END'
FROM scratch
COPY root /
ENTRYPOINT ["/bin/nats-server", "--config", "/etc/nats/nats-server.conf"]
END

# PostgreSQL with the libraries that its programs are linked to, at their own paths.
begin
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
lib=$(dirname "$programs")
major=$(basename "$lib")
mkdir -p "$stage/root$lib" "$stage/root/usr/share/postgresql" "$stage/root/var/lib/postgresql/data" "$stage/root/var/run/postgresql"
cp -r "$lib/bin" "$lib/lib" "$stage/root$lib/"
cp -r "/usr/share/postgresql/$major" "$stage/root/usr/share/postgresql/"
cp -rL /usr/share/zoneinfo "$stage/root/usr/share/"
for linked in "$programs/postgres" "$programs/initdb" "$programs/psql" "$programs/pg_isready" "$lib"/lib/plpgsql.so "$lib"/lib/dict_snowball.so; do ldd "$linked"; done |
	grep -o '/[^ ]*' | sort -u | while read -r file; do
	mkdir -p "$stage/root$(dirname "$file")" && cp -L "$file" "$stage/root$file"
done
cp "$here/postgres.sh" "$stage/root/bin/"
image postgres:16 <<END
FROM scratch
COPY root /
ENV PATH=/bin:$programs PGDATA=/var/lib/postgresql/data
RUN ["/bin/chown", "-R", "postgres:postgres", "/var/lib/postgresql", "/var/run/postgresql", "/tmp"]
VOLUME /var/lib/postgresql/data
USER postgres
ENTRYPOINT ["/bin/sh", "/bin/postgres.sh"]
STOPSIGNAL SIGINT
END

stage=$(mktemp -d)
cp "$out/aim" "$stage/aim"
image aim-engine:local <<'END'
FROM scratch
COPY aim /usr/local/bin/aim
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/aim"]
END

stage=$(mktemp -d)
cp "$out/aim" "$stage/aim"
image aim/standin:compose <<'END'
FROM scratch
COPY aim /aim
ENTRYPOINT ["/aim", "simulate", "vllm", "--"]
END
