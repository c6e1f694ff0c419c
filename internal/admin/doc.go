// Package admin is control's administration: keys, aliases, usage and the audit
// log, and what gateways are told and ask. Administrative commands go here and
// never through Temporal, whose histories everybody can read.
//
//	GET  /admin/v1/gateway?after=VERSION   what a gateway is told; waits for a change
//	POST /admin/v1/draw                    a part of a key's budget
//	POST /admin/v1/usage                   requests that are over
//	GET|POST /admin/v1/keys, GET|DELETE /admin/v1/keys/NAME, POST /admin/v1/keys/NAME/rotate
//	GET /admin/v1/aliases, PUT|DELETE /admin/v1/aliases/NAME
//	GET /admin/v1/usage?by=key|model|day&from=TIME&to=TIME
//	GET /admin/v1/audit?after=NUMBER, GET /admin/v1/audit/verify
//
// Every request carries a token, which only this machine's operator can read, or
// comes over mutual TLS.
package admin
