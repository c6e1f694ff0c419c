#!/bin/sh
# Creates the namespace and the search attributes without which control refuses
# to start. It may run again at any time. The address and the name come from
# TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, which the temporal command reads
# itself.
set -eu

# again repeats a command until it succeeds: a server that has just started, and
# a namespace that has just been made, are not known everywhere for some seconds.
again() {
	tries=30
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || exit 1
		sleep 1
	done
}

again temporal operator cluster health
if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
	# Closed workflows can be looked at for a week.
	temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 168h
fi
again temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" \
	--name AimModel --type Keyword \
	--name AimDeployment --type Keyword \
	--name AimPhase --type Keyword \
	--name AimNode --type Keyword \
	--name AimRecipe --type Keyword \
	--name AimGPUs --type KeywordList
