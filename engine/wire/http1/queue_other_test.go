//go:build !linux

package http1_test

import (
	"errors"
	"net"
)

func shrinkQueue(*net.TCPListener) error { return errors.New("the queue cannot be made short here") }
