package server

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// ErrPublic is the error for an address that other machines can reach.
var ErrPublic = errors.New("address is not on loopback")

// Loopback returns an error unless every address of the host in host:port is on loopback.
// It is ErrPublic if one is not.
func Loopback(ctx context.Context, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if host == "" {
		return fmt.Errorf("%s: %w", address, ErrPublic) // all interfaces
	}
	addresses, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if !a.IP.IsLoopback() {
			return fmt.Errorf("%s: %w", address, ErrPublic)
		}
	}
	return nil
}
