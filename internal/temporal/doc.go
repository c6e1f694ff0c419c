// Package temporal is how a process reaches the Temporal server: Dial connects, to
// one frontend or several; Setup makes a namespace as it has to be, and Check looks
// at the start whether it is; Lacks tells what a server cannot do for us; Polls tells
// later whether the server still lets this process poll for work.
package temporal
