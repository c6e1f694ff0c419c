#!/bin/sh
# Creates Temporal's two databases and brings their tables to the version of
# this image. It may run again at any time: what is there is left alone, and an
# upgrade of the image runs the steps that are missing. The connection comes
# from SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD.
set -eu

setup() {
	temporal-sql-tool --database "$1" create
	temporal-sql-tool --database "$1" setup-schema --version 0.0
	temporal-sql-tool --database "$1" update-schema --schema-name "$2"
}

setup temporal postgresql/v12/temporal
setup temporal_visibility postgresql/v12/visibility
