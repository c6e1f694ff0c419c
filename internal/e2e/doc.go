// Package e2e holds the scenarios: each states an obligation, starts the real
// program, does what people and accidents do, and checks the real state -
// processes, ledgers, the memory of the GPUs - not what the program says of it.
//
//	stack/       starts `aim up --simulate` in a folder of its own and looks at it
//	canned/      the workflows over activities that answer at once
//	demo/        `make demo`: the tour as a program, every line an assertion
//	bench/       `make bench`: the figures, one JSON line each
//	figure/      the line that a bench prints for each figure
//	benchpeers/  `make bench-peers`: kube-scheduler beside ours, a module of its own
package e2e
