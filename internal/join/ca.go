package join

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/aim-engine/aim/internal/filelock"
)

const (
	caLife   = 10 * 365 * 24 * time.Hour
	certLife = 30 * 24 * time.Hour
	// clockSkew is how far clocks may be apart: certificates are good from that
	// long before they were made, and a clock further off is refused.
	clockSkew = 5 * time.Minute
)

// Fingerprint is the SHA-256 of a CA's certificate.
type Fingerprint [sha256.Size]byte

// CA is a fleet's certificate authority. Its key is in one file on one machine.
type CA struct {
	cert *x509.Certificate
	key  crypto.Signer
}

const (
	caFile    = "ca.pem"     // the certificate: public
	caKeyFile = "ca-key.pem" // 0600
)

// OpenCA opens the CA of a folder, and makes one where there is none yet. Half a
// CA is an error: a new one would turn away every node that trusts the old.
func OpenCA(dir string, now time.Time) (*CA, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the fleet's CA: %w", err)
	}
	lock, err := filelock.At(filepath.Join(dir, "lock")).Try()
	if err != nil {
		return nil, fmt.Errorf("open the fleet's CA in %s: %w", dir, err)
	}
	defer func() { _ = lock.Release() }()

	cert, certErr := os.ReadFile(filepath.Join(dir, caFile))
	key, keyErr := os.ReadFile(filepath.Join(dir, caKeyFile))
	// The key is written first: without a certificate nobody has trusted it.
	if errors.Is(certErr, fs.ErrNotExist) {
		return makeCA(dir, now)
	}
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, fmt.Errorf("open the fleet's CA: %w: bring both files of it back from a backup", err)
	}
	ca, err := readCA(cert, key)
	if err != nil {
		return nil, fmt.Errorf("open the fleet's CA in %s: %w: bring both files of it back from a backup", dir, err)
	}
	return ca, nil
}

func makeCA(dir string, now time.Time) (*CA, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: "aim fleet"},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the fleet's CA: %w", err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	if err := filelock.Replace(filepath.Join(dir, caKeyFile), keyPEM, 0o600); err != nil {
		return nil, fmt.Errorf("keep the key of the fleet's CA: %w", err)
	}
	certPEM := encodeCert(der)
	if err := filelock.Replace(filepath.Join(dir, caFile), certPEM, 0o644); err != nil {
		return nil, fmt.Errorf("keep the fleet's CA: %w", err)
	}
	return readCA(certPEM, keyPEM)
}

func readCA(certPEM, keyPEM []byte) (*CA, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM) // they belong together
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("its certificate is not a CA's")
	}
	return &CA{pair.Leaf, key}, nil
}

// Fingerprint is what tokens carry, so that a machine that joins knows the CA.
func (c *CA) Fingerprint() Fingerprint { return sha256.Sum256(c.cert.Raw) }

// PEM is the certificate, for those who trust it.
func (c *CA) PEM() []byte { return encodeCert(c.cert.Raw) }

// Pool trusts the CA alone.
func (c *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.cert)
	return pool
}

// SignClient signs a request (PKCS #10, DER): its key, for this name. Whatever
// else the request asks for is left out.
func (c *CA) SignClient(request []byte, name Name, now time.Time) (certPEM []byte, err error) {
	key, err := requestedKey(request)
	if err != nil {
		return nil, err
	}
	if err := name.validate(); err != nil {
		return nil, err
	}
	return c.sign(key, &x509.Certificate{
		Subject:     pkix.Name{CommonName: name.String()},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, now)
}

// Server makes a certificate for servers at these host names and IP addresses,
// with the CA's behind it, so that who knows only its fingerprint can check it.
func (c *CA) Server(hosts []string, now time.Time) (tls.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "aim fleet server"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	certPEM, err := c.sign(key.Public(), template, now)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(append(certPEM, c.PEM()...), keyPEM)
}

func (c *CA) sign(key crypto.PublicKey, template *x509.Certificate, now time.Time) ([]byte, error) {
	template.SerialNumber = newSerial()
	template.NotBefore, template.NotAfter = now.Add(-clockSkew), now.Add(certLife)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, key, c.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate for %s: %w", template.Subject.CommonName, err)
	}
	return encodeCert(der), nil
}

// requestedKey is the key of a request whose sender has shown to hold it.
func requestedKey(request []byte) (*ecdsa.PublicKey, error) {
	csr, err := x509.ParseCertificateRequest(request)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("read the certificate request: %w", err)
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("read the certificate request: its key is not one of ECDSA P-256")
	}
	return key, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] &= 0x7f           // 127 bits: positive in 16 bytes
	return new(big.Int).SetBytes(b[:])
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
