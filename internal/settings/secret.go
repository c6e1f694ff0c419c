package settings

import (
	"fmt"
	"os"
	"strings"

	"github.com/aim-engine/aim"
)

// Secret resolves a secret reference: env:NAME or file:/path. An unset variable
// is "", so that a reference may be the default; an unreadable file is an error.
func Secret(ref string) (string, error) {
	if ref == "" {
		return "", nil
	}
	if err := aim.CheckSecretRef(ref); err != nil {
		return "", aim.Failf(aim.ClassInput, "read a secret: %v", err)
	}
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		return os.Getenv(name), nil
	}
	data, err := os.ReadFile(strings.TrimPrefix(ref, "file:"))
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}
