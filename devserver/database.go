package devserver

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"

	"go.temporal.io/server/common/config"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/schema/sqlite"
)

const databaseFile = "temporal.db"

// openDatabase returns the settings of a database that has its tables. With an
// empty dir it is in memory; otherwise the file is made if there is none.
func openDatabase(dir string) (*config.SQL, error) {
	if dir == "" {
		return memorySettings(), nil
	}
	path := filepath.Join(dir, databaseFile)
	_, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = createDatabase(path)
	case err == nil:
		err = checkVersion(path)
	}
	if err != nil {
		return nil, err
	}
	return fileSettings(path), nil
}

// createDatabase makes the tables under another name first, so that temporal.db
// is complete from the moment it exists, whenever the process is killed.
func createDatabase(path string) error {
	unfinished := path + ".new"
	// Left by a killed process, or by somebody who deleted temporal.db alone:
	// SQLite would apply the log of that database to this one.
	for _, leftover := range []string{unfinished, path + "-wal", path + "-shm"} {
		if err := removeIfExists(leftover); err != nil {
			return fmt.Errorf("remove what is left of another database: %w", err)
		}
	}
	if err := sqlite.SetupSchema(setupSettings(unfinished)); err != nil {
		return fmt.Errorf("create the tables in %s: %w", unfinished, err)
	}
	if err := writeVersion(path); err != nil {
		return fmt.Errorf("note the version of %s: %w", path, err)
	}
	if err := publish(unfinished, path); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}

// fileSettings trade nothing but the last moments before a power failure: with
// a write-ahead log and synchronous=normal a killed process loses nothing, and
// throughput is four times that of SQLite's default journal.
func fileSettings(path string) *config.SQL {
	return &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: escapePath(path),
		ConnectAttributes: map[string]string{
			"mode":         "rwc",
			"journal_mode": "wal",
			"synchronous":  "normal",
			"busy_timeout": "5000", // ms; somebody may look into the file with sqlite3
		},
		// More than one connection makes "database is locked" out of load.
		MaxConns: 1, MaxIdleConns: 1,
	}
}

// setupSettings are for a file that is thrown away if anything goes wrong. Its
// journal leaves no second file behind when the file is renamed.
func setupSettings(path string) *config.SQL {
	return &config.SQL{
		PluginName:        sqliteplugin.PluginName,
		DatabaseName:      escapePath(path),
		ConnectAttributes: map[string]string{"mode": "rwc", "journal_mode": "memory", "synchronous": "off"},
	}
}

// memorySettings have a name of their own: Temporal shares one database among
// all who open the same name in one process.
func memorySettings() *config.SQL {
	return &config.SQL{
		PluginName:        sqliteplugin.PluginName,
		DatabaseName:      fmt.Sprintf("memory-%016x", rand.Uint64()),
		ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
	}
}

// escapePath keeps ?, # and % in a path from being read as parts of the
// "file:" URI that Temporal opens.
func escapePath(path string) string {
	return (&url.URL{Path: path}).EscapedPath()
}
