package devserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/schema/sqlite"
)

// versionFile lies beside the database that it tells of.
const versionFile = "version.json"

// versions identify the tables in a database file.
type versions struct {
	Temporal         string `json:"temporal"`
	Schema           string `json:"schema"`
	VisibilitySchema string `json:"visibility_schema"`
}

// thisVersion is what this program writes.
func thisVersion() versions {
	return versions{headers.ServerVersion, sqlite.Version, sqlite.VisibilityVersion}
}

// reads reports whether this program can go on with a file made by old.
// Temporal moves its tables from one minor version to the next on PostgreSQL and
// MySQL, but has no such step for SQLite; patch releases leave tables alone.
func (v versions) reads(old versions) bool {
	return v.Schema == old.Schema && v.VisibilitySchema == old.VisibilitySchema &&
		minor(v.Temporal) == minor(old.Temporal)
}

// minor is "1.32" of "1.32.1".
func minor(version string) string {
	if i := strings.LastIndexByte(version, '.'); i >= 0 {
		return version[:i]
	}
	return version
}

// writeVersion notes beside the database at path that this program makes it.
func writeVersion(path string) error {
	content, err := json.Marshal(thisVersion())
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(filepath.Dir(path), versionFile), append(content, '\n'))
}

// checkVersion refuses a file with tables of another version: Temporal would
// start on it and fail later, in words about SQL.
func checkVersion(path string) error {
	cure := fmt.Sprintf("delete %s* to start afresh (all workflows in it are lost)", path)
	content, err := os.ReadFile(filepath.Join(filepath.Dir(path), versionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open %s: its %s is missing, so it is not known which version made it: %s", path, versionFile, cure)
	}
	if err != nil {
		return fmt.Errorf("open %s: read its version: %w", path, err)
	}
	var old versions
	if err := json.Unmarshal(content, &old); err != nil {
		return fmt.Errorf("open %s: read its version from %s: %w: %s", path, versionFile, err, cure)
	}
	if v := thisVersion(); !v.reads(old) {
		return fmt.Errorf("open %s: it was made by Temporal %s (schema %s, %s), this is Temporal %s (schema %s, %s), and a SQLite file cannot be carried over: %s, or go on with the version that made it",
			path, old.Temporal, old.Schema, old.VisibilitySchema, v.Temporal, v.Schema, v.VisibilitySchema, cure)
	}
	return nil
}
