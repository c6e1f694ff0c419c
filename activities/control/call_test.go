package control

import (
	"time"

	"github.com/aim-engine/aim"
)

// within bounds every wait for something that must happen.
const within = 30 * time.Second

// identity names the first attempt of the first replica of a deployment.
func identity(deployment string) aim.Identity {
	return aim.Identity{Deployment: deployment, UID: "uid-of-" + deployment, Attempt: 1, Token: "token-of-" + deployment}
}
