package devserver

import (
	"net/netip"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
)

// A webUI is Temporal's web interface. It listens from its own goroutine.
type webUI struct {
	server  *uiserver.Server
	stopped chan error
}

// startUI returns at once; awaitReady finds out when the UI answers.
func startUI(ip string, port int, temporalAddress, namespace string) *webUI {
	ui := &webUI{
		server: uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
			Host:                urlHost(ip),
			Port:                port,
			TemporalGRPCAddress: temporalAddress,
			DefaultNamespace:    namespace,
			EnableUI:            true,
			// Plain HTTP: a cookie marked secure would be dropped, and with it every
			// button of the UI.
			CORS: uiconfig.CORS{CookieInsecure: true},
			// Nothing here calls home.
			DisableNewsFetch: true,
			HideLogs:         true,
		})),
		stopped: make(chan error, 1),
	}
	go func() { ui.stopped <- ui.server.Start() }()
	return ui
}

func (ui *webUI) stop() error {
	ui.server.Stop()
	return <-ui.stopped
}

// urlHost writes ip as the host part of a URL.
func urlHost(ip string) string {
	if addr, err := netip.ParseAddr(ip); err == nil && addr.Is6() {
		return "[" + ip + "]"
	}
	return ip
}
