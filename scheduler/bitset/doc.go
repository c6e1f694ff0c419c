// Package bitset is sets of small numbers: which nodes of a fleet are in a class,
// which hold an image, which hold weights.
//
// It is here for speed alone. Counting and searching ten thousand nodes bit by
// bit is what keeps one decision below 2 µs (place_p50_us); the tests compare it
// with a map.
package bitset
