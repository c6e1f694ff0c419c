package worker

import (
	"log/slog"
	"os"
	"testing"

	"github.com/aim-engine/aim/internal/servertest"
)

func TestMain(m *testing.M) { os.Exit(servertest.Main(m)) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
