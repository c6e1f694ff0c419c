// Package runtimetest holds what every runtime owes its callers, as one list of
// obligations that is run against each of them:
//
//	func TestContract(t *testing.T) {
//		tiny := runtimetest.BuildTiny(t)
//		runtimetest.Run(t, func(t *testing.T) runtimetest.Subject {
//			...
//		})
//	}
//
// The servers it starts are the program in tiny.
package runtimetest
