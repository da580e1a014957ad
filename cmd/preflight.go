package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"plimsoll/engine"
	"plimsoll/scenarios"
)

// preflightLimit bounds how long the target may take to accept a connection before any
// load is made.
const preflightLimit = 10 * time.Second

// prober is a protocol that can tell whether an origin takes connections, without
// sending it a request.
type prober interface {
	Probe(ctx context.Context, scheme, host string) error
}

// preflight connects once to the target in the way that every load will, so that a wrong
// address or certificate is said at once and not after a run full of failures.
func preflight(ctx context.Context, p *scenarios.Plan) error {
	target, err := url.Parse(p.Target)
	if err != nil || target.Host == "" {
		return nil // every request names its own host
	}
	ctx, cancel := context.WithTimeout(ctx, preflightLimit)
	defer cancel()
	var done []engine.Protocol
	for _, l := range p.Loads {
		way, ok := l.Protocol.(prober)
		if !ok || slices.Contains(done, l.Protocol) {
			continue
		}
		done = append(done, l.Protocol)
		if err := way.Probe(ctx, target.Scheme, target.Host); err != nil {
			if i := interrupted(ctx); i != nil {
				return i
			}
			return withHint(probeHint(err), withCode(exitUnreachable, fmt.Errorf("target %s is not reachable: %w", p.Target, err)))
		}
	}
	return nil
}

// probeHint says what usually helps.
func probeHint(err error) string {
	f, ok := errors.AsType[*engine.Failure](err)
	if !ok {
		return ""
	}
	switch f.Kind {
	case engine.ErrRefused:
		return "nothing listens there: is the service running, and on that port?"
	case engine.ErrDNS:
		return "check the name, or give its address with --resolve HOST:PORT:ADDRESS"
	case engine.ErrCertificate:
		return "--cacert FILE trusts another authority, -k trusts anybody"
	case engine.ErrTLS:
		return "does the service speak TLS on that port? http:// does without"
	case engine.ErrConnectTimeout, engine.ErrUnreachable:
		return "a firewall or a wrong address, most often"
	}
	return ""
}
