// Package ladder chooses among the recipes of a model for a deployment and a fleet,
// orders them, and says which failure each rung mends.
package ladder
