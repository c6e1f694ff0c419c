// Package workflows is the durable story of a deployment, as Temporal
// workflows. The code here is deterministic: it decides and waits; every effect
// is an activity (package activities).
//
//	Deployment   SelectRecipes -> a Replica each -> (Apply, Scale, Restart, Stop) -> stopped
//	Replica      place -> claim -> pull image | fetch weights -> start -> prove -> watch -> stop -> release
//	Scheduler    elects the control process that keeps the waiting order
//	Fetch        brings a model's weights to nodes ahead of any deployment
//
// A deployment can be started without any client code of ours:
//
//	temporal workflow start --type Deployment --task-queue aim \
//	    --workflow-id qwen3-32b --input '{"model":"Qwen/Qwen3-32B"}'
//
// Replicas are started with ParentClosePolicy ABANDON and steered by signals to
// their workflow ids, so that a Deployment can continue as new without touching
// them. A Replica whose Deployment has ended stops itself.
package workflows
