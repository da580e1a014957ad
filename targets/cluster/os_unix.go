//go:build unix

package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const supported = true

// backlog is how many connections may wait to be accepted. The kernel takes less if its
// own limit is lower.
const backlog = 4096

// pair returns two connected sockets, one to keep and one to hand to a child.
func pair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket")
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	kept, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, nil, errors.Join(errors.New("a socket pair is not of unix sockets"), conn.Close(), theirs.Close())
	}
	return kept, theirs, nil
}

// send hands a descriptor over, or fails at once if there is no room for it.
func send(c *net.UnixConn, fd int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(s uintptr) bool {
		for {
			sent = unix.Sendmsg(int(s), []byte{0}, unix.UnixRights(fd), nil, unix.MSG_DONTWAIT)
			if !errors.Is(sent, unix.EINTR) {
				return true
			}
		}
	})
	return errors.Join(err, sent)
}

// receive waits for a descriptor.
func receive(c *net.UnixConn) (*os.File, error) {
	var text [1]byte // a byte at a time, because a longer read could take two descriptors
	room := make([]byte, unix.CmsgSpace(4))
	n, m, _, _, err := c.ReadMsgUnix(text[:], room)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, net.ErrClosed
	}
	messages, err := unix.ParseSocketControlMessage(room[:m])
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		fds, err := unix.ParseUnixRights(&message)
		if err == nil && len(fds) == 1 {
			unix.CloseOnExec(fds[0])
			return os.NewFile(uintptr(fds[0]), "connection"), nil
		}
	}
	return nil, errors.New("a message without a descriptor: the process has too many open")
}

// bind returns a socket that has the address, may share it, and does not listen yet.
func bind(address *net.TCPAddr) (*os.File, *net.TCPAddr, error) {
	fd, at, err := socket(address)
	if err != nil {
		return nil, nil, err
	}
	file := os.NewFile(uintptr(fd), "listener")
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if err == nil {
		err = unix.Bind(fd, at)
	}
	var got unix.Sockaddr
	if err == nil {
		got, err = unix.Getsockname(fd)
	}
	if err != nil {
		return nil, nil, errors.Join(os.NewSyscallError("bind", err), file.Close())
	}
	bound := *address
	switch got := got.(type) {
	case *unix.SockaddrInet4:
		bound.Port = got.Port
	case *unix.SockaddrInet6:
		bound.Port = got.Port
	}
	return file, &bound, nil
}

// socket returns a non-blocking socket of the family of the address, and the address for it.
func socket(address *net.TCPAddr) (int, unix.Sockaddr, error) {
	family := unix.AF_INET6
	var at unix.Sockaddr
	if four := address.IP.To4(); four != nil {
		family, at = unix.AF_INET, &unix.SockaddrInet4{Port: address.Port, Addr: [4]byte(four)}
	} else {
		six := &unix.SockaddrInet6{Port: address.Port}
		copy(six.Addr[:], address.IP.To16())
		if address.Zone != "" {
			link, err := net.InterfaceByName(address.Zone)
			if err != nil {
				return 0, nil, err
			}
			six.ZoneId = uint32(link.Index)
		}
		at = six
	}
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err == nil && family == unix.AF_INET6 {
		only := 1
		if len(address.IP) == 0 { // every address of the machine, of both families
			only = 0
		}
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
	}
	if err != nil {
		if fd >= 0 {
			closeDescriptor(fd)
		}
		return 0, nil, os.NewSyscallError("socket", err)
	}
	return fd, at, nil
}

func listen(file *os.File) error {
	if err := unix.Listen(int(file.Fd()), backlog); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// accept waits for a connection and returns its descriptor, which no poller knows.
func accept(listener *os.File) (int, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return 0, err
	}
	var fd int
	var failed error
	err = raw.Read(func(s uintptr) bool {
		for {
			fd, failed = acceptOne(int(s))
			if !errors.Is(failed, unix.EINTR) && !errors.Is(failed, unix.ECONNABORTED) {
				return !errors.Is(failed, unix.EAGAIN)
			}
		}
	})
	return fd, errors.Join(err, failed)
}

// duplicate returns another descriptor of the same socket.
func duplicate(file *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}

func closeDescriptor(fd int) { _ = unix.Close(fd) }

func closeOnExec(fd int) { unix.CloseOnExec(fd) }

// stop halts a process until resume.
func stop(p *os.Process) error { return p.Signal(unix.SIGSTOP) }

// resume lets a process that was stopped go on.
func resume(p *os.Process) error { return p.Signal(unix.SIGCONT) }

// holds tells whether data has come in on a connection that nobody has read yet.
func holds(c syscall.Conn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	err = raw.Control(func(s uintptr) {
		n, _, err = unix.Recvfrom(int(s), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	return err == nil && n > 0
}
