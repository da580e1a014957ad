package http1_test

import (
	"net"
	"syscall"
)

// shrinkQueue makes the queue of connections not yet accepted as short as can be.
func shrinkQueue(l *net.TCPListener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = syscall.Listen(int(fd), 0) })
	if err != nil {
		return err
	}
	return failed
}
