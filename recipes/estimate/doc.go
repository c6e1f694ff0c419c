// Package estimate says how much GPU memory a replica takes, term by term, and
// whether that fits.
package estimate
