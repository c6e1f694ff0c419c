package devserver

import "go.temporal.io/server/common/dynamicconfig"

// tuning is what this server does differently from Temporal's defaults, which
// are meant for hundreds of shards behind a shared database.
func tuning() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		// Each shard reads each of its queues at most 20 times a second, and there
		// is one shard: without these every task waits up to 50 ms, and six steps
		// take 0.65 s instead of 0.06 s.
		dynamicconfig.TransferProcessorMaxPollRPS.Key():   5000,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():      5000,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): 5000,
		dynamicconfig.OutboundProcessorMaxPollRPS.Key():   5000, // carries worker commands

		// A queue with few pollers is slower and less fair in four parts: a task
		// that lands where nobody polls takes another 80 ms to be forwarded.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

		// Cancellation is pushed to the worker (in 10 ms) instead of being told
		// with the next heartbeat (in seconds). Both are off by default.
		dynamicconfig.WorkerCommandsEnabled.Key():             true,
		dynamicconfig.EnableCancelActivityWorkerCommand.Key(): true,

		// 10 lists a second are too few for tools and tests that follow progress.
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 1000,

		// Long polls at a time (1,200): each node polls a queue of its own, so a
		// few hundred simulated nodes are enough to hit the default.
		dynamicconfig.FrontendMaxConcurrentLongRunningRequestsPerInstance.Key(): 20000,
	}
}
