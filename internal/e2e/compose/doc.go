// Package compose starts docker-compose.yml for real, with images under the official
// names (deploy/images): make test-compose.
package compose
