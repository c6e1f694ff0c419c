package docker

import (
	"fmt"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
)

// ServerUser is who servers of a level read the model cache as. Below strict it is
// the image's user: root in all images of the catalogue, and known to nobody else.
func (r *Runtime) ServerUser(level aim.ContainerLevel) (user aim.User, ok bool) {
	if level != aim.LevelStrict {
		return aim.User{}, false
	}
	n, err := fmt.Sscanf(container.StrictUser, "%d:%d", &user.UID, &user.GID)
	return user, n == 2 && err == nil
}
