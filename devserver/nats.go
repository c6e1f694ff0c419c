package devserver

import (
	"fmt"
	"log/slog"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

const (
	// A client that hangs is cut after two silent pings.
	natsPingInterval = time.Second
	natsMaxPings     = 2
	// A client that does not read is cut before it holds up the others.
	natsWriteDeadline = 2 * time.Second
	natsStartTimeout  = 5 * time.Second
)

// connectionEvents are what NATS publishes in its system account when a client
// comes or goes; the token is the client's account, here always "$G".
var connectionEvents = []string{"$SYS.ACCOUNT.*.CONNECT", "$SYS.ACCOUNT.*.DISCONNECT"}

// Who connects without credentials is in the default account.
const (
	defaultAccount = natsserver.DEFAULT_GLOBAL_ACCOUNT
	systemAccount  = "SYS"
)

// startNATS returns when clients can connect. There is no persistence.
func startNATS(ip string, port int, logger *slog.Logger) (*natsserver.Server, error) {
	accounts, err := natsAccounts()
	if err != nil {
		return nil, err
	}
	server, err := natsserver.NewServer(&natsserver.Options{
		ServerName:    "aim-devserver",
		Host:          ip,
		Port:          port,
		Accounts:      accounts,
		SystemAccount: systemAccount,
		PingInterval:  natsPingInterval,
		MaxPingsOut:   natsMaxPings,
		WriteDeadline: natsWriteDeadline,
		NoSigs:        true, // signals belong to the process
	})
	if err != nil {
		return nil, fmt.Errorf("put the NATS server together: %w", err)
	}
	server.SetLogger(natsLogger{logger}, false, false)
	server.Start()
	if !server.ReadyForConnections(natsStartTimeout) {
		server.Shutdown()
		return nil, fmt.Errorf("start NATS on %s: not ready after %s: see the log above", dialAddress(ip, port), natsStartTimeout)
	}
	return server, nil
}

// natsAccounts let an ordinary client, who is in the default account, subscribe
// to connectionEvents under their own names. A lost client is then known in a
// millisecond, without anybody holding system credentials.
func natsAccounts() ([]*natsserver.Account, error) {
	system, everybody := natsserver.NewAccount(systemAccount), natsserver.NewAccount(defaultAccount)
	for _, subject := range connectionEvents {
		if err := system.AddStreamExport(subject, []*natsserver.Account{everybody}); err != nil {
			return nil, fmt.Errorf("export %s from the NATS system account: %w", subject, err)
		}
		if err := everybody.AddStreamImport(system, subject, ""); err != nil {
			return nil, fmt.Errorf("import %s into the NATS default account: %w", subject, err)
		}
	}
	return []*natsserver.Account{system, everybody}, nil
}

// stopNATS returns when all connections are closed.
func stopNATS(server *natsserver.Server) error {
	server.Shutdown()
	server.WaitForShutdown()
	return nil
}
