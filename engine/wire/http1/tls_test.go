package http1_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/engine/wire/http1"
	"plimsoll/engine/wire/wiretest"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign returns a certificate for name that holds until end, and its key, in PEM.
func (a authority) sign(t *testing.T, name string, end time.Time) (cert, key []byte) {
	t.Helper()
	own := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded})
}

// secured serves TLS with the certificate and returns its port. It answers with the name
// it was asked for, the protocol agreed on and the number of client certificates.
func secured(t *testing.T, cfg *tls.Config, cert, key []byte) string {
	t.Helper()
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Certificates, cfg.NextProtos = []tls.Certificate{pair}, []string{"h2", "http/1.1"}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.ServerName+" "+r.TLS.NegotiatedProtocol+" "+strconv.Itoa(len(r.TLS.PeerCertificates)))
	}))
	s.TLS = cfg
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return port
}

func TestCertificates(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	clientCert, clientKey := ca.sign(t, "user", soon)
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(ca.pem)
	asking := &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	for _, c := range []struct {
		name   string
		server *tls.Config
		cert   string // name on the server's certificate
		end    time.Time
		client http1.TLS
		want   string // the body
		kind   string // or the failure, with a word of its text
		says   string
	}{
		{"a good certificate holds", &tls.Config{}, "shop.test", soon, http1.TLS{CA: ca.pem}, "shop.test http/1.1 0", "", ""},
		{"one of an unknown authority does not", &tls.Config{}, "shop.test", soon, http1.TLS{CA: other.pem}, "", engine.ErrCertificate, "unknown authority"},
		{"an expired one does not", &tls.Config{}, "shop.test", past, http1.TLS{CA: ca.pem}, "", engine.ErrCertificate, "expired"},
		{"one for another host does not", &tls.Config{}, "other.test", soon, http1.TLS{CA: ca.pem}, "", engine.ErrCertificate, "valid for other.test, not shop.test"},
		{"one for another host does if the author says so", &tls.Config{}, "other.test", soon, http1.TLS{CA: ca.pem, ServerName: "other.test"}, "other.test http/1.1 0", "", ""},
		{"any does if the author says so", &tls.Config{}, "other.test", past, http1.TLS{Insecure: true}, "shop.test http/1.1 0", "", ""},
		{"a client shows its own", asking, "shop.test", soon, http1.TLS{CA: ca.pem, Certificate: clientCert, Key: clientKey}, "shop.test http/1.1 1", "", ""},
		{"a client without one is turned away", asking, "shop.test", soon, http1.TLS{CA: ca.pem}, "", engine.ErrTLS, "certificate required"},
		{"an old version is refused", &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, "shop.test", soon, http1.TLS{CA: ca.pem}, "", engine.ErrTLS, "version"},
		{"a newer one can be asked for", &tls.Config{MaxVersion: tls.VersionTLS12}, "shop.test", soon, http1.TLS{CA: ca.pem, MinVersion: tls.VersionTLS13}, "", engine.ErrTLS, "version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cert, key := ca.sign(t, c.cert, c.end)
			port := secured(t, c.server.Clone(), cert, key)
			dial := http1.Dial{ConnectTo: []http1.ConnectTo{{"", "", "127.0.0.1", port}}}
			got, _, err := call(t, http1.Config{TLS: c.client, Dial: dial}, "https", "shop.test")
			if c.kind == "" {
				if err != nil || got != c.want {
					t.Errorf("got %q, %v; want %q", got, err, c.want)
				}
				return
			}
			wiretest.Fails(t, err, c.kind)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
		})
	}
}

func TestAServerWithoutTLSIsATLSFailure(t *testing.T) {
	port := host(t)
	_, _, err := call(t, http1.Config{}, "https", "127.0.0.1:"+port)
	wiretest.Fails(t, err, engine.ErrTLS)
}

func TestAHandshakeThatStallsIsAConnectTimeout(t *testing.T) {
	server := wiretest.Serve(t, []wiretest.Act{wiretest.Stall})
	s, req := user(t, server, http1.Config{})
	req.Scheme, req.Timeout.Connect = "https", 50*time.Millisecond
	wiretest.Fails(t, s.Do(req, new(flow.Response)), engine.ErrConnectTimeout)
}

func TestAHandshakeThatIsCutIsNamed(t *testing.T) {
	hello := func(c *wiretest.Conn) error {
		_, err := c.Read(make([]byte, 4096))
		return err
	}
	server := wiretest.Serve(t, []wiretest.Act{wiretest.Reset}, []wiretest.Act{hello})
	s, req := user(t, server, http1.Config{})
	req.Scheme = "https"
	wiretest.Fails(t, s.Do(req, new(flow.Response)), engine.ErrReset)
	wiretest.Fails(t, s.Do(req, new(flow.Response)), engine.ErrTLS)
}

func TestNewRefusesCertificatesThatAreNone(t *testing.T) {
	for _, c := range []http1.TLS{{CA: []byte("x")}, {Certificate: []byte("x"), Key: []byte("y")}, {Key: []byte("y")}} {
		if _, err := http1.New(http1.Config{TLS: c}); err == nil {
			t.Errorf("%q and %q were taken", c.CA, c.Certificate)
		}
	}
}
