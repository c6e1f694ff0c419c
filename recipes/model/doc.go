// Package model is what a model is: its shape, from which parameters, weights of a rank and
// KV cache are counted, the repositories that hold its weights, and how they are
// kept there. It is read from a model file of the catalogue, or from the model's
// own config.json.
package model
