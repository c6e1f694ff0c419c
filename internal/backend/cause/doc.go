// Package cause finds the root cause in the log of a server that did not start,
// or ended. The backends share it: they differ in the shape of their lines and
// in some of their messages, and everything below them (PyTorch, ROCm, the
// Hugging Face libraries, the kernel) complains in the same words everywhere.
//
//	dialect := cause.Dialect{Parse: parseLine, Causes: append(own, cause.Common()...), Wrappers: wrappers}
//	failure, at, ok := dialect.Classify(dialect.Split(log), exit)
//
// A server is several processes that write one log. When one fails the others
// report that it did, and the last lines are always such reports. The whole log
// is therefore searched for the earliest line that names a cause; where none does,
// for the earliest error that a process reports of itself.
package cause
