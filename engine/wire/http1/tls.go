package http1

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// TLS says how https connections are secured. The server's certificate is verified
// against the system's authorities and the host of the request unless it says otherwise.
type TLS struct {
	Insecure    bool   // take any certificate
	CA          []byte // PEM: the authorities to trust instead of the system's
	Certificate []byte // PEM: the client's certificate, with Key
	Key         []byte // PEM
	ServerName  string // the name to ask for and to verify, instead of the host
	MinVersion  uint16 // tls.VersionTLS…; 0 is TLS 1.2
}

// config returns the part of the settings that all hosts share. TLS sessions are kept, so
// that a second connection resumes the first, as a browser's does.
func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{
		InsecureSkipVerify: t.Insecure, //nolint:gosec // the author asked for it
		ServerName:         t.ServerName,
		MinVersion:         max(t.MinVersion, tls.VersionTLS12),
		NextProtos:         []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(256),
	}
	if len(t.CA) > 0 {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(t.CA) {
			return nil, errors.New("read certificate authorities: no PEM certificate in it")
		}
	}
	if len(t.Certificate) > 0 || len(t.Key) > 0 {
		pair, err := tls.X509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return nil, fmt.Errorf("read client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
