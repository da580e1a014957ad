package http1

import (
	"context"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindLate leaves the choice of the port to connect, which may use a port again for
// another destination; bind could not, and would run out of ports sooner.
func bindLate(_ context.Context, _, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		// Kernels that do not know the option bind early, as before.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}
