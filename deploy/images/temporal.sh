# As the official image's entry: bound to all addresses, a server tells its own to others.
if [ "${BIND_ON_IP:-}" = 0.0.0.0 ] && [ -z "${TEMPORAL_BROADCAST_ADDRESS:-}" ]; then
	TEMPORAL_BROADCAST_ADDRESS=$(hostname -i | sed 's/ .*//')
	export TEMPORAL_BROADCAST_ADDRESS
fi
exec temporal-server start
