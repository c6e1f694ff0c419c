package worker

// Version of the engine, as nodes announce it. The build sets it
// (-ldflags "-X .../worker.Version=...").
var Version = "dev"
