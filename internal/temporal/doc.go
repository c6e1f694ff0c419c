// Package temporal is how a process reaches the Temporal server: Dial connects, to
// one frontend or several; NamespaceID and CheckAttributes look at the start whether
// the namespace can be worked with; Polls tells later whether the server still lets
// this process poll for work.
package temporal
