package http1

import (
	"io"
	"net"
	"syscall"
	"unsafe"
)

// duplex writes a message and reads the first bytes of its answer in one wait. A write and
// then a read would be three system calls, as the read that comes at once never finds
// anything. Here the poller is armed first, the message is written from within the read,
// and the first attempt to read is made when there is something to read.
type duplex struct {
	raw  syscall.RawConn
	turn func(fd uintptr) bool // d.step, bound once
	out  []byte                // what is still to be written
	in   []byte
	n    int
	err  error
}

// newDuplex returns nil for a connection that is not a plain socket.
func newDuplex(c net.Conn) *duplex {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	d := &duplex{raw: raw}
	d.turn = d.step
	return d
}

// exchange writes out and reads once into in. What it could not write without waiting it
// returns as rest, and then it has read nothing.
func (d *duplex) exchange(out, in []byte) (rest []byte, n int, err error) {
	d.out, d.in, d.n, d.err = out, in, 0, nil
	err = d.raw.Read(d.turn)
	if d.err != nil {
		err = d.err
	}
	rest, n = d.out, d.n
	d.out, d.in = nil, nil
	return rest, n, err
}

func (d *duplex) step(fd uintptr) (done bool) {
	if len(d.out) > 0 {
		n, errno := call(syscall.SYS_WRITE, fd, d.out)
		d.out = d.out[n:]
		switch errno {
		case 0:
			return len(d.out) > 0
		case syscall.EAGAIN, syscall.EINTR:
			return true
		}
		d.err = errno
		return true
	}
	n, errno := call(syscall.SYS_READ, fd, d.in)
	for errno == syscall.EINTR {
		n, errno = call(syscall.SYS_READ, fd, d.in)
	}
	switch {
	case errno == syscall.EAGAIN:
		return false
	case errno != 0:
		d.err = errno
	case n == 0:
		d.err = io.EOF
	}
	d.n = n
	return true
}

// call reads or writes on a socket that never blocks, so the scheduler need not know of it.
func call(number, fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
