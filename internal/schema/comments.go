package schema

import (
	"fmt"
	"strings"

	"github.com/invopop/jsonschema"
)

// addComments reads the comments of the packages in a folder and below it, as one
// line each.
func addComments(r *jsonschema.Reflector, folder string) error {
	if err := r.AddGoComments(module, folder, jsonschema.WithFullComment()); err != nil {
		return fmt.Errorf("read the comments of %s: %w", folder, err)
	}
	for k, text := range r.CommentMap {
		r.CommentMap[k] = strings.Join(strings.Fields(text), " ")
	}
	return nil
}
