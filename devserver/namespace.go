package devserver

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	persistencespb "go.temporal.io/server/api/persistence/v1"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence/serialization"
	"go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	"go.temporal.io/server/common/resolver"
	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// retention is how long a closed workflow can still be looked at: long enough
// for "what happened last week", short enough for a file that nobody prunes.
const retention = 7 * 24 * time.Hour

// prepareNamespace makes the namespace exist with its search attributes. It
// writes to the database before the server is up: the same change through the
// server's API is seen by its services only some seconds later, and the first
// workflow would fail on an unknown attribute.
func prepareNamespace(ctx context.Context, cfg *config.SQL, name string, wanted []SearchAttribute) error {
	if err := createNamespace(cfg, name); err != nil {
		return fmt.Errorf("create namespace %q: %w", name, err)
	}
	db, err := sql.NewSQLDB(sqlplugin.DbKindMain, cfg, resolver.NewNoopResolver(), log.NewNoopLogger(), metrics.NoopMetricsHandler)
	if err != nil {
		return fmt.Errorf("open the database of namespace %q: %w", name, err)
	}
	err = addSearchAttributes(ctx, db, name, wanted)
	return errors.Join(err, db.Close())
}

// createNamespace does nothing where the namespace exists.
func createNamespace(cfg *config.SQL, name string) error {
	ns, err := sqlite.NewNamespaceConfig(clusterName, name, false, nil)
	if err != nil {
		return err
	}
	ns.Detail.Config.Retention = durationpb.New(retention)
	return sqlite.CreateNamespaces(cfg, ns)
}

func addSearchAttributes(ctx context.Context, db sqlplugin.DB, name string, wanted []SearchAttribute) error {
	row, detail, err := readNamespace(ctx, db, name)
	if err != nil {
		return fmt.Errorf("read namespace %q: %w", name, err)
	}
	if detail.Config.CustomSearchAttributeAliases == nil {
		detail.Config.CustomSearchAttributeAliases = make(map[string]string)
	}
	changed, err := addAliases(detail.Config.CustomSearchAttributeAliases, wanted)
	if err != nil {
		return fmt.Errorf("namespace %q: %w", name, err)
	}
	if !changed {
		return nil
	}
	blob, err := serialization.NewSerializer().NamespaceDetailToBlob(detail)
	if err != nil {
		return fmt.Errorf("encode namespace %q: %w", name, err)
	}
	row.Data, row.DataEncoding = blob.Data, blob.EncodingType.String()
	if _, err := db.UpdateNamespace(ctx, row); err != nil {
		return fmt.Errorf("write the search attributes of namespace %q: %w", name, err)
	}
	return nil
}

func readNamespace(ctx context.Context, db sqlplugin.DB, name string) (*sqlplugin.NamespaceRow, *persistencespb.NamespaceDetail, error) {
	rows, err := db.SelectFromNamespace(ctx, sqlplugin.NamespaceFilter{Name: &name})
	if err != nil {
		return nil, nil, err
	}
	row := rows[0] // selecting by name finds one row or fails
	encoding, err := enumspb.EncodingTypeFromString(row.DataEncoding)
	if err != nil {
		return nil, nil, err
	}
	detail, err := serialization.NewSerializer().NamespaceDetailFromBlob(&commonpb.DataBlob{Data: row.Data, EncodingType: encoding})
	if err != nil {
		return nil, nil, err
	}
	return &row, detail, nil
}
