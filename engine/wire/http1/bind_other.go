//go:build !linux

package http1

import (
	"context"
	"syscall"
)

func bindLate(context.Context, string, string, syscall.RawConn) error { return nil }
