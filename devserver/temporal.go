package devserver

import (
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

const (
	clusterName = "active" // the name that Temporal's own tools expect
	storeName   = "sqlite"
)

// temporalPorts are the gRPC ports of Temporal's services. Clients use frontend.
type temporalPorts struct {
	frontend, history, matching, worker int
}

// startTemporal returns a stop function as soon as there is something to stop,
// also with an error. The database must have its tables and namespace.
func startTemporal(ip string, ports temporalPorts, db *config.SQL, logger *slog.Logger) (stop func() error, err error) {
	var stopping atomic.Bool
	server, err := temporal.NewServer(
		temporal.WithConfig(temporalConfig(ip, ports, db)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(staticHosts(ip, ports)),
		temporal.WithDynamicConfigClient(tuning()),
		temporal.WithLogger(temporalLogger{slog: logger, stopping: &stopping}),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("put the Temporal server together: %w", err)
	}
	stop = func() error {
		stopping.Store(true)
		return server.Stop()
	}
	if err := server.Start(); err != nil {
		return stop, fmt.Errorf("start Temporal: %w", err)
	}
	return stop, nil
}

func temporalConfig(ip string, ports temporalPorts, db *config.SQL) *config.Config {
	frontend := dialAddress(ip, ports.frontend)
	return &config.Config{
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(ip, ports.frontend),
			string(primitives.HistoryService):  service(loopback, ports.history),
			string(primitives.MatchingService): service(loopback, ports.matching),
			string(primitives.WorkerService):   service(loopback, ports.worker),
		},
		Persistence: config.Persistence{
			DefaultStore:    storeName,
			VisibilityStore: storeName,
			// Fixed for the life of a database file. One is enough for one machine.
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{storeName: {SQL: db}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchival{State: config.ArchivalDisabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{
			Archival: config.ArchivalNamespaceDefaults{
				History:    config.HistoryArchivalNamespaceDefaults{State: config.ArchivalDisabled},
				Visibility: config.VisibilityArchivalNamespaceDefaults{State: config.ArchivalDisabled},
			},
		},
		// Temporal's own system workers are clients too.
		PublicClient: config.PublicClient{HostPort: frontend},
	}
}

func service(ip string, port int) config.Service {
	return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: ip}}
}

// staticHosts tell the services where the others are. The gossip that finds
// them otherwise wants four more ports and a second to settle.
func staticHosts(ip string, ports temporalPorts) map[primitives.ServiceName]static.Hosts {
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: static.SingleLocalHost(dialAddress(ip, ports.frontend)),
		primitives.HistoryService:  static.SingleLocalHost(localAddress(ports.history)),
		primitives.MatchingService: static.SingleLocalHost(localAddress(ports.matching)),
		primitives.WorkerService:   static.SingleLocalHost(localAddress(ports.worker)),
	}
}

func localAddress(port int) string {
	return net.JoinHostPort(loopback, strconv.Itoa(port))
}
