package join

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/store"
)

// fleet is a join server on a loopback port, with a clock of its own.
type fleet struct {
	ca      *CA
	tokens  Tokens
	address string
	offset  atomic.Int64 // of the fleet's clock to that of the machines
}

func (f *fleet) now() time.Time { return time.Now().Add(time.Duration(f.offset.Load())) }

func newFleet(t *testing.T) *fleet {
	t.Helper()
	ca, err := OpenCA(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &fleet{ca: ca, tokens: Tokens{s}}
	server := &Server{CA: ca, Tokens: f.tokens, Log: slog.New(slog.DiscardHandler), Now: f.now}
	config, err := server.TLS([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: server, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = h.Serve(listener) }()
	t.Cleanup(func() { _ = h.Close() })
	f.address = listener.Addr().String()
	return f
}

func (f *fleet) invite(t *testing.T) Invitation {
	t.Helper()
	token, secret, err := f.tokens.Create(t.Context(), "test", f.now())
	if err != nil {
		t.Fatal(err)
	}
	i, err := ParseInvitation(Invitation{f.address, token.ID, secret, f.ca.Fingerprint()}.String())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAMachineJoinsAndItsCertificateIsGoodForItsNameOnly(t *testing.T) {
	f := newFleet(t)
	dir := t.TempDir()
	m, err := Join(t.Context(), f.invite(t), "n1", dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{m.Certificate, m.Key, m.CA} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want 0600", path, info, err)
		}
	}
	// A server that trusts the CA alone sees who it is.
	pair, err := tls.LoadX509KeyPair(m.Certificate, m.Key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.TLS.VerifiedChains[0][0].Subject.CommonName))
	}))
	own, err := f.ca.Server([]string{"127.0.0.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: f.ca.Pool()}
	server.StartTLS()
	defer server.Close()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.ca.Pool(), Certificates: []tls.Certificate{pair}}}}
	resp, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	said := make([]byte, 64)
	n, _ := resp.Body.Read(said)
	if name, err := ParseName(string(said[:n])); err != nil || name != (Name{Node, "n1"}) {
		t.Errorf("the server sees %q, %v", said[:n], err)
	}
	// It is no server's certificate, and signs nothing.
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: f.ca.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("a node's certificate passes for a server's")
	}
	if pair.Leaf.IsCA {
		t.Error("a node's certificate is a CA")
	}
}

func TestWhoIsRefusedAndWhatHeIsTold(t *testing.T) {
	other, err := OpenCA(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*testing.T, *fleet, *Invitation) (clock func() time.Time)
		want   string
		spent  bool // the token is gone after that
	}{
		"a wrong secret": {func(_ *testing.T, _ *fleet, i *Invitation) func() time.Time { i.Secret += "x"; return time.Now }, "unknown here", false},
		"a made-up token": {func(_ *testing.T, _ *fleet, i *Invitation) func() time.Time {
			i.ID = "000000000000"
			return time.Now
		}, "unknown here", false},
		"a revoked token": {func(t *testing.T, f *fleet, i *Invitation) func() time.Time {
			if err := f.tokens.Revoke(t.Context(), "test", i.ID); err != nil {
				t.Fatal(err)
			}
			return time.Now
		}, "was revoked", true},
		"a used token": {func(t *testing.T, _ *fleet, i *Invitation) func() time.Time {
			if _, err := Join(t.Context(), *i, "n2", t.TempDir(), time.Now); err != nil {
				t.Fatal(err)
			}
			return time.Now
		}, "used already", true},
		"an expired token": {func(_ *testing.T, f *fleet, _ *Invitation) func() time.Time {
			f.offset.Store(int64(TokenLife))
			return f.now
		}, "has expired", true},
		"another CA": {func(_ *testing.T, _ *fleet, i *Invitation) func() time.Time {
			i.CA = other.Fingerprint()
			return time.Now
		}, "another fingerprint", false},
		"a clock ahead": {func(*testing.T, *fleet, *Invitation) func() time.Time {
			return func() time.Time { return time.Now().Add(time.Hour) }
		}, "ahead of that of the fleet: set it", false},
		"a clock before the certificates": {func(*testing.T, *fleet, *Invitation) func() time.Time {
			return func() time.Time { return time.Now().Add(-time.Hour) }
		}, "set the clock", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t)
			good := f.invite(t)
			bad := good
			clock := c.change(t, f, &bad)
			dir := t.TempDir()
			m, err := Join(t.Context(), bad, "n1", dir, clock)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("joined as %+v, error %v; want %q", m, err, c.want)
			}
			if strings.Contains(err.Error(), good.Secret) {
				t.Errorf("the error tells the secret: %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "node.pem")); !errors.Is(err, os.ErrNotExist) {
				t.Error("a refused machine has a certificate")
			}
			if _, err := Join(t.Context(), good, "n1", t.TempDir(), f.now); (err != nil) != c.spent {
				t.Errorf("the good token afterwards: %v; spent: %t", err, c.spent)
			}
		})
	}
}

// The secret is for the fleet: a server in between never sees it.
func TestAServerOfAnotherCAIsNotToldTheSecret(t *testing.T) {
	var asked atomic.Bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	defer server.Close()
	i := newFleet(t).invite(t)
	i.Address = server.Listener.Addr().String()
	if _, err := Join(t.Context(), i, "n1", t.TempDir(), time.Now); err == nil || !strings.Contains(err.Error(), "another fingerprint") {
		t.Error(err)
	}
	if asked.Load() {
		t.Error("the request was sent")
	}
}

// Showing the fleet's CA, which is public, beside one's own certificate is not being of it.
func TestACopiedCACertificateProvesNothing(t *testing.T) {
	f, now := newFleet(t), time.Now()
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: newSerial(), Subject: pkix.Name{CommonName: "x"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify([]*x509.Certificate{leaf, f.ca.cert}, f.ca.Fingerprint(), "127.0.0.1", now); err == nil {
		t.Error("a certificate that the CA has not signed passes")
	}
}

func TestOneTokenAdmitsOneOfManyAtOnce(t *testing.T) {
	f := newFleet(t)
	i := f.invite(t)
	var admitted atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		dir := t.TempDir()
		wg.Go(func() {
			switch _, err := Join(t.Context(), i, "n1", dir, time.Now); {
			case err == nil:
				admitted.Add(1)
			case !strings.Contains(err.Error(), "used already"):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if admitted.Load() != 1 {
		t.Errorf("%d machines joined with one token", admitted.Load())
	}
	tokens, err := f.tokens.List(t.Context())
	if err != nil || len(tokens) != 1 || tokens[0].Used == nil || tokens[0].Used.Node != "n1" {
		t.Errorf("the list does not tell the use: %+v, %v", tokens, err)
	}
}

func TestALostAnswerIsGivenAgainToTheSameKeyOnly(t *testing.T) {
	f := newFleet(t)
	i, dir := f.invite(t), t.TempDir()
	for range 2 {
		if _, err := Join(t.Context(), i, "n1", dir, time.Now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Join(t.Context(), i, "n2", dir, time.Now); err == nil || !strings.Contains(err.Error(), "used already") {
		t.Errorf("the same key gets another name: %v", err)
	}
}

func TestSigningTakesTheKeyOfARequestAndNothingElse(t *testing.T) {
	ca, err := OpenCA(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	wish := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "operator/root", Organization: []string{"admins"}}, DNSNames: []string{"control"}}
	csr, err := x509.CreateCertificateRequest(rand.Reader, wish, key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, err := ca.SignClient(csr, Name{Node, "n1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(certPEM)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if cert.Subject.String() != "CN=node/n1" || len(cert.DNSNames) > 0 || !key.PublicKey.Equal(cert.PublicKey) {
		t.Errorf("signed %s for %v", cert.Subject, cert.DNSNames)
	}

	tampered := append([]byte{}, csr...)
	tampered[len(tampered)-1] ^= 1
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	otherCurve, _ := x509.CreateCertificateRequest(rand.Reader, wish, p384)
	otherKind, _ := x509.CreateCertificateRequest(rand.Reader, wish, rsaKey)
	for name, bad := range map[string][]byte{"tampered": tampered, "P-384": otherCurve, "RSA": otherKind, "empty": nil} {
		if _, err := ca.SignClient(bad, Name{Node, "n1"}, time.Now()); err == nil {
			t.Errorf("a request that is %s was signed", name)
		}
	}
	for _, n := range []Name{{Node, "n1/../n2"}, {Node, ""}, {"root", "n1"}, {Node, "n.*"}} {
		if _, err := ca.SignClient(csr, n, time.Now()); err == nil {
			t.Errorf("signed for %q", n)
		}
	}
}

func TestACAStaysTheSameAndHalfOfOneIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenCA(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenCA(dir, time.Now())
	if err != nil || again.Fingerprint() != first.Fingerprint() {
		t.Fatalf("opened again it is another: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, caKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the CA's key: %v, %v; want 0600", info, err)
	}
	if err := os.Remove(filepath.Join(dir, caKeyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCA(dir, time.Now()); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("a CA without its key: %v", err)
	}
}

func FuzzParseInvitation(f *testing.F) {
	f.Add(Invitation{"10.0.0.1:7070", "0123456789ab", "secret", Fingerprint{1}}.String())
	f.Add("[fd00::1]:7070#a.b.")
	f.Add("10.0.0.1#a.b.c")
	f.Fuzz(func(t *testing.T, s string) {
		i, err := ParseInvitation(s)
		if err != nil {
			return
		}
		if again, err := ParseInvitation(i.String()); err != nil || again != i || i.String() != s {
			t.Errorf("%q is read as %+v, which is written %q", s, i, i)
		}
	})
}
