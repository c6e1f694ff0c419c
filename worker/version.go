package worker

// Version of the engine, as nodes announce it. The build sets it
// (-ldflags "-X .../worker.Version=...").
var Version = "dev"

// Commit that it was built from, "+" behind it where the checkout had changes; "" is
// not known. The build sets it as well.
var Commit string
