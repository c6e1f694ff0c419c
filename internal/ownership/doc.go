// Package ownership asks Temporal whose a claim on a node is, and at the start of an
// agent takes over the steps that an earlier one has left behind. The rule itself,
// what becomes of a claim that nobody owns, is in activities/node/tend.go.
package ownership
