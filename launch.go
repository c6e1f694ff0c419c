package aim

import "time"

// Launch is everything a runtime needs to start one server. The node builds it
// from typed values; nothing in it comes unchecked from a user.
type Launch struct {
	Identity
	Backend    string            `json:"backend"`
	Image      string            `json:"image"`
	Entrypoint []string          `json:"entrypoint,omitempty"` // replaces the image's; nil = the image's own, which must be the backend's serve command
	Args       []string          `json:"args"`                 // after the image entrypoint, or after the program that the process runtime has for the backend
	Env        map[string]string `json:"env"`
	SecretEnv  map[string]string `json:"-"` // resolved secrets: environment only, never written to disk or labels
	GPUs       []GPU             `json:"gpus"`
	ShareBytes uint64            `json:"share_bytes,omitempty"` // of the one GPU's memory; 0 = all of the GPUs
	Address    string            `json:"address"`               // host address to publish on
	Port       int               `json:"port"`                  // host port to publish on
	Resources  Resources         `json:"resources"`
	Mounts     []Mount           `json:"mounts,omitempty"`
	Level      ContainerLevel    `json:"level"`
	Model      string            `json:"model"`             // name it serves
	Weights    string            `json:"weights,omitempty"` // repository or path that it reads
	Task       string            `json:"task,omitempty"`    // Rung.Task, so that a restarted agent can prove the server again
	Simulated  bool              `json:"simulated,omitempty"`
}

// Mount is a folder of the node that the server sees at the same place or
// another one.
type Mount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
}

// ContainerLevel is how tightly a container is closed.
type ContainerLevel string

// Strict: not root, read-only root file system. Compat: as the image wants,
// without capabilities. Vendor: what the vendor's own guide asks for.
const (
	LevelStrict ContainerLevel = "strict"
	LevelCompat ContainerLevel = "compat"
	LevelVendor ContainerLevel = "vendor"
)

// Server is what a runtime knows about a server it has started.
type Server struct {
	Identity
	Runtime string         `json:"runtime"` // docker or process
	Name    string         `json:"name"`    // Identity.Server()
	ID      string         `json:"id"`      // container id, or pid with start time
	Backend string         `json:"backend"`
	Model   string         `json:"model"`
	Weights string         `json:"weights,omitempty"` // repository or path that it reads
	Task    string         `json:"task,omitempty"`
	Image   string         `json:"image,omitempty"`
	GPUs    []string       `json:"gpus"`                  // ids it was given
	Share   uint64         `json:"share_bytes,omitempty"` // bytes of the one GPU's memory; 0 = all of the GPUs
	Address string         `json:"address"`
	Port    int            `json:"port"`
	Level   ContainerLevel `json:"level,omitempty"`
	Running bool           `json:"running"`
	Exit    *Exit          `json:"exit,omitempty"` // set when it has ended
	Started time.Time      `json:"started"`
}

// Exit is how a server ended.
type Exit struct {
	Code    int    `json:"code"` // -1 when unknown
	OOM     bool   `json:"oom,omitempty"`
	Message string `json:"message,omitempty"`
}

// Progress of a long step.
type Progress struct {
	Step  string `json:"step"`            // "pull", "fetch", "prove"
	Done  int64  `json:"done,omitempty"`  // bytes
	Total int64  `json:"total,omitempty"` // bytes; 0 = not known
	Note  string `json:"note,omitempty"`  // "loading weights", ...
}
