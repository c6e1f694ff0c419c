package join

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aim-engine/aim/internal/filelock"
)

// Membership are the files of a machine that has joined.
type Membership struct {
	Certificate, Key, CA string // paths
}

const joinTimeout = 20 * time.Second

// Join makes this machine a node of the fleet that invites it, and leaves its
// membership in dir. The key is kept before anything is asked: when the answer is
// lost, the next Join with the same invitation gets it again.
func Join(ctx context.Context, i Invitation, node, dir string, now func() time.Time) (Membership, error) {
	m := Membership{filepath.Join(dir, "node.pem"), filepath.Join(dir, "node-key.pem"), filepath.Join(dir, caFile)}
	key, err := keepKey(m.Key)
	if err != nil {
		return Membership{}, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return Membership{}, fmt.Errorf("make a certificate request: %w", err)
	}
	a, err := ask(ctx, i, request{ID: i.ID, Secret: i.Secret, Node: node, Request: csr, Clock: now().UTC()})
	if err != nil {
		return Membership{}, fmt.Errorf("join the fleet at %s as %s: %w", i.Address, node, err)
	}
	if err := checkAnswer(a, i.CA, Name{Node, node}, key); err != nil {
		return Membership{}, fmt.Errorf("join the fleet at %s as %s: %w", i.Address, node, err)
	}
	if err := filelock.Replace(m.CA, []byte(a.CA), 0o600); err != nil {
		return Membership{}, fmt.Errorf("keep the fleet's CA: %w", err)
	}
	if err := filelock.Replace(m.Certificate, []byte(a.Certificate), 0o600); err != nil {
		return Membership{}, fmt.Errorf("keep the node's certificate: %w", err)
	}
	return m, nil
}

// keepKey is the key in a file, made where there is none.
func keepKey(path string) (*ecdsa.PrivateKey, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of the node's key: %w", err)
		}
		key, err := newKey()
		if err != nil {
			return nil, err
		}
		if data, err = encodeKey(key); err != nil {
			return nil, err
		}
		if err := filelock.Replace(path, data, 0o600); err != nil {
			return nil, fmt.Errorf("keep the node's key: %w", err)
		}
		return key, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the node's key: %w", err)
	}
	if block, _ := pem.Decode(data); block != nil {
		if parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := parsed.(*ecdsa.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, fmt.Errorf("read the node's key: %s does not hold one: delete it, and join with a new token", path)
}

// ask sends the secret only to a server whose CA is the one of the invitation.
func ask(ctx context.Context, i Invitation, r request) (a answer, err error) {
	host, _, err := net.SplitHostPort(i.Address)
	if err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	body, err := json.Marshal(r)
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+i.Address+"/v1/join", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The CA is known by its fingerprint alone, which the library cannot check.
		InsecureSkipVerify: true,
		VerifyConnection:   func(s tls.ConnectionState) error { return verify(s.PeerCertificates, i.CA, host, r.Clock) },
	}}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxRequest))
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var refusal struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(data, &refusal) != nil || refusal.Error == "" {
			return answer{}, fmt.Errorf("it answered %s: is this the join port of a fleet?", resp.Status)
		}
		return answer{}, Refusal(refusal.Error)
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	return a, nil
}

// verify checks what a join server shows: a chain to the CA of the fingerprint,
// for this host, good at this time.
func verify(chain []*x509.Certificate, ca Fingerprint, host string, now time.Time) error {
	roots := x509.NewCertPool()
	known := false
	for _, c := range chain {
		if Fingerprint(sha256.Sum256(c.Raw)) == ca {
			roots.AddCert(c)
			known = true
		}
	}
	if !known {
		return errors.New("the server there is not of the fleet that made the token (its CA has another fingerprint): check the address, or ask whoever runs the fleet for another token")
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return fmt.Errorf("the clock of this machine says %s, and the fleet's certificate is good from %s to %s: set the clock (timedatectl set-ntp true), then join again with the same token",
			now.UTC().Format(time.RFC3339), chain[0].NotBefore.UTC().Format(time.RFC3339), chain[0].NotAfter.UTC().Format(time.RFC3339))
	}
	return err
}

// checkAnswer refuses what would not work later: a certificate for another key or
// name, or one of another CA.
func checkAnswer(a answer, ca Fingerprint, name Name, key *ecdsa.PrivateKey) error {
	caBlock, _ := pem.Decode([]byte(a.CA))
	certBlock, _ := pem.Decode([]byte(a.Certificate))
	if caBlock == nil || certBlock == nil || Fingerprint(sha256.Sum256(caBlock.Bytes)) != ca {
		return errors.New("the answer holds no certificate of the fleet's CA")
	}
	root, err := x509.ParseCertificate(caBlock.Bytes)
	if err != nil {
		return fmt.Errorf("read the fleet's CA: %w", err)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	if err := cert.CheckSignatureFrom(root); err != nil {
		return fmt.Errorf("check the certificate: %w", err)
	}
	if cert.Subject.CommonName != name.String() || !key.PublicKey.Equal(cert.PublicKey) {
		return fmt.Errorf("the certificate is for %q and another key, not for %s", cert.Subject.CommonName, name)
	}
	return nil
}
