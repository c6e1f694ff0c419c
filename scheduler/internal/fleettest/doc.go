// Package fleettest makes nodes, fleets and requests for tests of placement: drawn as
// text that a person can read, or at random.
package fleettest
