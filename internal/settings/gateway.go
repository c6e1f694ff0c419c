package settings

import "time"

// Gateway are the settings of `aim gateway run`.
type Gateway struct {
	Listen  string // host:port where clients ask
	Metrics string // address of /metrics, /healthz and /readyz; "" = none, port 0 = any
	Dir     string // accounts that the store has not counted yet; one gateway has it

	TLSCert string // file; with TLSKey for HTTPS; read again when it changes
	TLSKey  string // file

	MaxBody     int           // bytes of a request
	Hold        time.Duration // that a request waits for a replica
	Waiting     int           // requests of one deployment that wait at most
	Outstanding int           // requests that one replica gets at most
}

// Admin says how to reach control's administration: keys, aliases, usage.
type Admin struct {
	URL   string // http://address:port; "" = there is none
	Token string // secret reference; "" = the file admin.token in dir
}
