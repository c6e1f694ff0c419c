// Package upstream sends requests to servers over HTTP/1.1.
//
// Go's own transport reads and writes each connection in two goroutines, so that a
// request passes four channels and takes 20 KB more. A gateway has the whole body
// before it asks and reads the answer in the goroutine that asked; so here that
// goroutine does all of it:
//
//	RoundTrip   idle connection, or a new one ──► write head and body ──► read the head of the answer
//	Body.Read   the answer as it comes, from the same connection
//	Body.Close  the connection back among the idle ones, where the answer was read to its end
//
// What a server that closes an idle connection has not read is sent again, once,
// over a new one.
package upstream
