// Package machine tells what a node is besides its GPUs: processors, memory and
// disk, its boot, and the address that others reach it at.
package machine
