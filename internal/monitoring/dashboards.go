package monitoring

// Dashboards are all of them. A rate that is 0 shows 0: an empty panel means that
// somebody is not scraped.
func Dashboards() []Dashboard {
	return []Dashboard{fleet(), deployment(), node(), gateway(), control()}
}

func one(expr, legend string) []Query { return []Query{{expr, legend}} }

// quantiles are the median and the 95th percentile of a histogram, by labels.
func quantiles(series, by string) []Query {
	of := func(q string) string {
		return "histogram_quantile(" + q + ", sum by (le, " + by + ") (rate(" + series + "[$__rate_interval])))"
	}
	return []Query{{of("0.5"), "{{" + by + "}} p50"}, {of("0.95"), "{{" + by + "}} p95"}}
}

func fleet() Dashboard {
	const of = `{job="aim-control"}`
	return Dashboard{UID: "aim-fleet", Title: "AIM Engine / Fleet", Rows: []Row{
		{"Now", []Panel{
			{"GPUs", "GPUs by what they do. busy: used by somebody who has not claimed them; quarantined: memory stayed in use.", Bars, Count,
				one(`sum by (state) (max by (node, state) (aim_gpus`+of+`))`, "{{state}}")},
			{"Replicas", "Replicas by phase, as the leading control process counts them.", Bars, Count, one(`max by (phase) (aim_replicas)`, "{{phase}}")},
			{"Nodes", "Nodes by whether they are heard. away: it serves and does not talk.", Bars, Count,
				one(`count by (liveness) (max by (node, liveness) (aim_inventory_age_seconds`+of+`))`, "{{liveness}}")},
		}},
		{"Use", []Panel{
			{"GPUs in use", "Claimed GPUs as a part of all that can be given out.", Lines, Fraction,
				one(`sum(max by (node, state) (aim_gpus{job="aim-control",state="claimed"})) / sum(max by (node, state) (aim_gpus{job="aim-control",state=~"claimed|free"}))`, "in use")},
			{"Waiting replicas", "They wait for a place; aim status tells what would help.", Lines, Count, one(`max(aim_replicas{phase="Placing"})`, "waiting")},
			{"Output tokens", "Of all servers, as they count them.", Lines, PerSecond, one(`sum by (deployment) (rate(vllm:generation_tokens_total{job="aim-server"}[$__rate_interval]))`, "{{deployment}}")},
		}},
		{"Servers", []Panel{
			{"Endpoints", "Servers that have been ready, by whether they answer.", Lines, Count, one(`sum by (healthy) (max by (node, healthy) (aim_endpoints`+of+`))`, "healthy: {{healthy}}")},
			{"Steps that failed", "By step and class of failure, an hour. The classes: docs/failures.md.", Lines, Count,
				one(`sum by (step, class) (increase(aim_step_duration_seconds_count{class!=""}[1h])) or vector(0)`, "{{step}} {{class}}")},
			{"Scraped processes", "Processes that control lists and Prometheus reaches.", Lines, Count, one(`count by (job) (up{job=~"aim-.*"} == 1)`, "{{job}}")},
		}},
	}}
}

func deployment() Dashboard {
	const of = `{job="aim-server",deployment=~"$deployment"}`
	rate := func(metric string) string { return "rate(" + metric + of + "[$__rate_interval])" }
	return Dashboard{UID: "aim-deployment", Title: "AIM Engine / Deployment",
		Variables: []Variable{{"deployment", `up{job="aim-server"}`}},
		Rows: []Row{
			{"Load", []Panel{
				{"Requests in the servers", "running: in a batch; waiting: no room in the batch or the cache.", Lines, Count, []Query{
					{`sum by (deployment) (vllm:num_requests_running` + of + `)`, "{{deployment}} running"},
					{`sum by (deployment) (vllm:num_requests_waiting` + of + `)`, "{{deployment}} waiting"}}},
				{"Tokens in", "Prompt tokens.", Lines, PerSecond, one(`sum by (deployment) (`+rate("vllm:prompt_tokens_total")+`)`, "{{deployment}}")},
				{"Tokens out", "Generated tokens.", Lines, PerSecond, one(`sum by (deployment) (`+rate("vllm:generation_tokens_total")+`)`, "{{deployment}}")},
			}},
			{"Latency", []Panel{
				{"Time to first token", "As the servers measure it: the wait in the server and the prompt.", Lines, Seconds, quantiles("vllm:time_to_first_token_seconds_bucket"+of, "deployment")},
				{"Time of a request", "From its arrival at the server to its end.", Lines, Seconds, quantiles("vllm:e2e_request_latency_seconds_bucket"+of, "deployment")},
				{"Requests that ended", "By why they ended.", Lines, PerSecond, one(`sum by (deployment, finished_reason) (`+rate("vllm:request_success_total")+`)`, "{{deployment}} {{finished_reason}}")},
			}},
			{"Cache", []Panel{
				{"KV cache in use", "At 1 requests wait or are preempted.", Lines, Fraction, one(`max by (deployment, replica) (vllm:kv_cache_usage_perc`+of+`)`, "{{deployment}}/{{replica}}")},
				{"Prefix hits", "Prompt tokens that were in the cache.", Lines, Fraction,
					one(`sum by (deployment) (`+rate("vllm:prefix_cache_hits_total")+`) / (sum by (deployment) (`+rate("vllm:prefix_cache_queries_total")+`) > 0) or vector(0)`, "{{deployment}}")},
				{"Preemptions", "Requests that lost their place in the cache and begin again: there are too many at once.", Lines, PerSecond,
					one(`sum by (deployment) (`+rate("vllm:num_preemptions_total")+`)`, "{{deployment}}")},
			}},
		}}
}

func node() Dashboard {
	const of = `{job="aim-control",node=~"$node"}`
	return Dashboard{UID: "aim-node", Title: "AIM Engine / Nodes",
		Variables: []Variable{{"node", `aim_gpus{job="aim-control"}`}},
		Rows: []Row{
			{"Nodes", []Panel{
				{"GPUs", "By node and state.", Lines, Count, one(`max by (node, state) (aim_gpus`+of+`)`, "{{node}} {{state}}")},
				{"Age of the newest beat", "Beats come every 200 ms or so; after three missed ones a node is silent.", Lines, Seconds, one(`max by (node) (aim_inventory_age_seconds`+of+`)`, "{{node}}")},
				{"Disk left for weights", "aim model list tells what is there, aim model remove frees it.", Lines, Bytes, one(`min by (node) (aim_disk_free_bytes`+of+`)`, "{{node}}")},
			}},
			{"Servers", []Panel{
				{"Endpoints", "By whether they answer.", Lines, Count, one(`max by (node, healthy) (aim_endpoints`+of+`)`, "{{node}} healthy: {{healthy}}")},
				{"Claims", "By whether an owner is known.", Lines, Count, one(`max by (node, owned) (aim_claims`+of+`)`, "{{node}} owned: {{owned}}")},
				{"Requests running", "In the servers of the node.", Lines, Count, one(`sum by (node) (vllm:num_requests_running{job="aim-server",node=~"$node"})`, "{{node}}")},
			}},
			{"Agents", []Panel{
				{"Time of steps", "Steps that have succeeded, the slowest twentieth.", Lines, Seconds,
					one(`histogram_quantile(0.95, sum by (le, step) (increase(aim_step_duration_seconds_bucket{job="aim-node",node=~"$node",class=""}[1h]))) >= 0`, "{{step}}")},
				{"CPU", "Of the agent.", Lines, Fraction, one(`rate(process_cpu_seconds_total{job="aim-node",node=~"$node"}[$__rate_interval])`, "{{node}}")},
				{"Memory", "Of the agent.", Lines, Bytes, one(`process_resident_memory_bytes{job="aim-node",node=~"$node"}`, "{{node}}")},
			}},
		}}
}

func gateway() Dashboard {
	const of = `{deployment=~"$deployment"}`
	return Dashboard{UID: "aim-gateway", Title: "AIM Engine / Gateway",
		Variables: []Variable{{"deployment", "aim_gateway_requests_total"}},
		Rows: []Row{
			{"Requests", []Panel{
				{"Requests", "That a server has answered, by code.", Lines, PerSecond, one(`sum by (deployment, code) (rate(aim_gateway_requests_total`+of+`[$__rate_interval]))`, "{{deployment}} {{code}}")},
				{"Errors", "Requests that ended with 5xx, as a part of all.", Lines, Fraction,
					one(`sum by (deployment) (rate(aim_gateway_requests_total{deployment=~"$deployment",code=~"5.."}[$__rate_interval])) / sum by (deployment) (rate(aim_gateway_requests_total`+of+`[$__rate_interval])) or vector(0)`, "{{deployment}}")},
				{"Refused", "By the gateway itself: 401 no key that is valid, 429 over a limit, 503 no replica.", Lines, PerSecond, one(`sum by (code) (rate(aim_gateway_refused_total[$__rate_interval])) or vector(0)`, "{{code}}")},
			}},
			{"Latency", []Panel{
				{"Time to first token", "As a client sees it.", Lines, Seconds, quantiles("aim_gateway_time_to_first_token_seconds_bucket"+of, "deployment")},
				{"Time of a request", "From the request to the end of the answer.", Lines, Seconds, quantiles("aim_gateway_request_seconds_bucket"+of, "deployment")},
				{"Tokens", "As servers count them.", Lines, PerSecond, one(`sum by (deployment, kind) (rate(aim_gateway_tokens_total`+of+`[$__rate_interval]))`, "{{deployment}} {{kind}}")},
			}},
			{"Replicas", []Panel{
				{"Replicas to choose from", "0: requests for it are refused.", Lines, Count, one(`max by (deployment) (aim_gateway_healthy_replicas`+of+`)`, "{{deployment}}")},
				{"At servers, and waiting", "Waiting requests have no replica that takes more.", Lines, Count, []Query{
					{`sum by (deployment) (aim_gateway_outstanding_requests` + of + `)`, "{{deployment}} at servers"},
					{`sum by (deployment) (aim_gateway_waiting_requests` + of + `)`, "{{deployment}} waiting"}}},
				{"Retries and broken streams", "A try at another replica; a stream whose server stopped in the middle.", Lines, PerSecond, []Query{
					{`sum by (deployment, after) (rate(aim_gateway_retries_total` + of + `[$__rate_interval])) or vector(0)`, "{{deployment}} after {{after}}"},
					{`sum by (deployment) (rate(aim_gateway_broken_streams_total` + of + `[$__rate_interval])) or vector(0)`, "{{deployment}} broken"}}},
			}},
		}}
}

func control() Dashboard {
	return Dashboard{UID: "aim-control", Title: "AIM Engine / Control and Temporal", Rows: []Row{
		{"Control", []Panel{
			{"Time to a place", "From the question to its answer, by outcome; the wait for a turn is part of it.", Lines, Seconds,
				one(`histogram_quantile(0.95, sum by (le, outcome) (increase(aim_placement_duration_seconds_bucket[1h]))) >= 0`, "{{outcome}}")},
			{"CPU", "Of control and gateways.", Lines, Fraction, one(`rate(process_cpu_seconds_total{job=~"aim-control|aim-gateway"}[$__rate_interval])`, "{{job}} {{process}}")},
			{"Memory", "Of control and gateways.", Lines, Bytes, one(`process_resident_memory_bytes{job=~"aim-control|aim-gateway"}`, "{{job}} {{process}}")},
		}},
		{"Temporal, as our processes see it", []Panel{
			{"Requests", "By operation. A hosted Temporal counts most of them as actions.", Lines, PerSecond, one(`sum by (operation) (rate(temporal_request[$__rate_interval]))`, "{{operation}}")},
			{"Latency", "The slowest twentieth by operation. Updates and queries wait for a worker.", Lines, Seconds,
				one(`histogram_quantile(0.95, sum by (le, operation) (rate(temporal_request_latency_seconds_bucket{job="aim-control"}[$__rate_interval]))) >= 0`, "{{operation}}")},
			{"Failures", "By code. NOT_FOUND is ordinary: somebody asked for what has ended.", Lines, PerSecond,
				one(`sum by (job, status_code) (rate(temporal_request_failure[$__rate_interval])) or vector(0)`, "{{job}} {{status_code}}")},
		}},
		{"Workers", []Panel{
			{"Open polls", "One for an idle node; a namespace takes 1,200 a frontend by default.", Lines, Count, one(`sum by (job, poller_type) (temporal_num_pollers)`, "{{job}} {{poller_type}}")},
			{"Wait of activities", "From its schedule to its start, the slowest twentieth.", Lines, Seconds,
				one(`histogram_quantile(0.95, sum by (le, job) (increase(temporal_activity_schedule_to_start_latency_seconds_bucket[1h]))) >= 0`, "{{job}}")},
			{"Goroutines", "Of each process.", Lines, Count, one(`go_goroutines{job=~"aim-.*"}`, "{{job}} {{instance}}")},
		}},
	}}
}
