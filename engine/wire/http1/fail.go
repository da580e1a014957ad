package http1

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"plimsoll/engine"
)

func failed(kind string, err error) *engine.Failure { return &engine.Failure{Kind: kind, Err: err} }

// failure is err as the engine counts it. What fails after the end of the run was
// interrupted, whatever it looks like.
func (s *session) failure(err error) error {
	if s.stopped.Load() || s.ctx.Err() != nil {
		return failed(engine.ErrInterrupted, errStopped)
	}
	if f, ok := errors.AsType[*engine.Failure](err); ok {
		return f
	}
	return failed(engine.ErrOther, err)
}

// firstByteFailure is why no byte of an answer came.
func firstByteFailure(err error, waitedForFirst bool) *engine.Failure {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && waitedForFirst:
		return failed(engine.ErrFirstByteTimeout, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failed(engine.ErrClosed, errNoAnswer)
	}
	return failed(openKind(err), err)
}

// openKind names trouble on an open connection.
func openKind(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return engine.ErrTimeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return engine.ErrReset
	}
	if o, ok := errors.AsType[*net.OpError](err); ok && (o.Op == "remote error" || o.Op == "local error") {
		return engine.ErrTLS // crypto/tls marks the alerts it got and gave that way
	}
	return systemKind(err)
}

// dialKind names trouble before a connection stood.
func dialKind(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok && !isTimeout(err) {
		return engine.ErrDNS
	}
	switch {
	case isTimeout(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return engine.ErrConnectTimeout
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EAGAIN):
		return engine.ErrRefused // the last two: a unix socket that is not there, or has no room in its queue
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return engine.ErrReset
	}
	return systemKind(err)
}

func systemKind(err error) string {
	switch {
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTDOWN), errors.Is(err, syscall.ENETDOWN):
		return engine.ErrUnreachable
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EADDRINUSE):
		return engine.ErrPorts
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return engine.ErrFiles
	}
	return engine.ErrOther
}

// handshakeKind names trouble while TLS was being agreed.
func handshakeKind(err error) string {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return engine.ErrCertificate
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return engine.ErrCertificate
	}
	if k := dialKind(err); k != engine.ErrOther {
		return k
	}
	return engine.ErrTLS
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}
