// Package join is how a machine becomes a node of a fleet: the fleet's own
// certificate authority, tokens that are good once, and the question that turns
// a token into a certificate.
//
//	the joining machine                        control's machine
//	makes its key, which never leaves it
//	   ── TLS ────────────────────────────►    shows its certificate and the CA's
//	is the CA the one of the token? else end
//	   ── secret, name, request, clock ───►    clock, name and request are good?
//	                                           token known, in time, not used? spend it
//	   ◄─ certificate, CA ─────────────────    sign for this name and nothing else
//
// What is wrong with a request is found before its token is spent. A machine that
// loses the answer asks again with the same key and gets it: one token admits one
// key, not one request.
//
// Names are what everything else allows things to: a certificate says node/n1,
// control/c1 or operator/anna, and nothing that its bearer wrote into the request.
package join
