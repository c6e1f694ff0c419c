// Package e2e holds the scenarios: each states an obligation, starts the real
// program, does what people and accidents do, and checks the real state -
// processes, ledgers, the memory of the GPUs - not what the program says of it.
//
//	stack/  starts `aim up --simulate` in a folder of its own and looks at it
//	demo/   `make demo`: the tour as a program, every line an assertion
package e2e
