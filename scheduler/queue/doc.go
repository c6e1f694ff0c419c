// Package queue is those who wait: who is next, and what is reserved for whom.
//
// The order is priority, then who asked first, then names. Who does not fit holds up
// nobody behind, with one exception: a reservation (reservation.go).
//
// Requests that would fit on the same nodes stand in one line. When the first of a
// line does not fit, nobody behind it does, so that ten thousand who wait cost a
// change of the fleet no more than there are lines (wake_10k_us):
//
//	line 8 GPUs   large/0  huge/1
//	line 1 GPU    small/0  tiny/0  small/1  ...
//	turn          large/0?  no.  small/0?  yes: granted.  tiny/0?  no: next line
package queue
