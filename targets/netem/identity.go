package netem

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Identity is what a server proves itself with over TLS: a certificate that it signed
// itself, its key, and the key of its session tickets. Processes that serve one port
// share it, so that a session can be resumed with any of them. It lives in memory, and
// can be passed on as JSON.
type Identity struct {
	Certificate []byte   `json:"certificate"` // DER
	Key         []byte   `json:"key"`         // PKCS #8
	Tickets     [32]byte `json:"tickets"`
}

// NewIdentity makes an identity for the hosts, names or addresses, that is valid from an
// hour ago on. The key is on the curve P-256.
func NewIdentity(valid time.Duration, hosts ...string) (Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("make the key of a certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Identity{}, fmt.Errorf("make the number of a certificate: %w", err)
	}
	from := time.Now().Add(-time.Hour)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "reference target"},
		NotBefore: from, NotAfter: from.Add(time.Hour + valid),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	id := Identity{}
	if id.Certificate, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		return Identity{}, fmt.Errorf("sign a certificate: %w", err)
	}
	if id.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return Identity{}, fmt.Errorf("write the key of a certificate: %w", err)
	}
	rand.Read(id.Tickets[:])
	return id, nil
}

// Server returns the settings of a server, TLS 1.2 and up, for the protocols: "h2",
// "http/1.1". Without resume every connection is a full handshake.
func (id Identity) Server(resume bool, protocols ...string) (*tls.Config, error) {
	key, err := x509.ParsePKCS8PrivateKey(id.Key)
	if err != nil {
		return nil, fmt.Errorf("read the key of a certificate: %w", err)
	}
	if _, ok := key.(*ecdsa.PrivateKey); !ok {
		return nil, errors.New("the key of a certificate is not an ECDSA key")
	}
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols, SessionTicketsDisabled: !resume,
		Certificates: []tls.Certificate{{Certificate: [][]byte{id.Certificate}, PrivateKey: key}},
	}
	cfg.SetSessionTicketKeys([][32]byte{id.Tickets})
	return cfg, nil
}

// Roots returns what a client has to trust.
func (id Identity) Roots() (*x509.CertPool, error) {
	certificate, err := x509.ParseCertificate(id.Certificate)
	if err != nil {
		return nil, fmt.Errorf("read a certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool, nil
}
