//go:build unix

package shm

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Bytes of the file, far behind its end, that processes hold locks of the kernel on. These
// are the record locks of POSIX (fcntl F_SETLK): they belong to a process, not to the
// descriptor, so a worker does not inherit its master's.
const (
	lifeBytes  = 1 << 40 // + ticket: held by the process with the ticket while it lives
	mutexBytes = 1 << 41 // + two for each mutex
)

// create makes a file without a name and maps it.
func create(size int) (*os.File, []byte, error) {
	file, err := anonymous()
	if err != nil {
		return nil, nil, err
	}
	if err := file.Truncate(int64(size)); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	data, err := remap(file, size)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, data, nil
}

func remap(file *os.File, size int) ([]byte, error) {
	data, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map it: %w", err)
	}
	return data, nil
}

func unmap(data []byte) error { return unix.Munmap(data) }

// enlist marks this process as alive until it ends.
func (m *Memory) enlist() error {
	return m.fcntl(unix.F_SETLK, unix.F_WRLCK, lifeBytes+int64(m.ticket))
}

// alive tells whether the process with the ticket has not ended.
func (m *Memory) alive(ticket uint64) bool {
	if ticket == m.ticket {
		return true
	}
	probe := unix.Flock_t{Type: unix.F_WRLCK, Start: lifeBytes + int64(ticket), Len: 1}
	err := unix.FcntlFlock(m.file.Fd(), unix.F_GETLK, &probe)
	return err != nil || probe.Type != unix.F_UNLCK
}

// fcntl locks or unlocks one byte.
func (m *Memory) fcntl(command int, kind int16, at int64) error {
	for {
		err := unix.FcntlFlock(m.file.Fd(), command, &unix.Flock_t{Type: kind, Start: at, Len: 1})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// try takes the mutex if it is free.
func (x *Mutex) try() (held bool, err error) {
	m := x.memory
	err = m.fcntl(unix.F_SETLK, unix.F_WRLCK, x.offset)
	if err == nil {
		err = m.fcntl(unix.F_SETLK, unix.F_WRLCK, x.offset+1)
		if e := m.fcntl(unix.F_SETLK, unix.F_UNLCK, x.offset); e != nil {
			return err == nil, e
		}
	}
	if taken(err) {
		return false, nil
	}
	return err == nil, err
}

// block waits for the mutex.
func (x *Mutex) block() error {
	if err := x.memory.await(x.offset); err != nil {
		return err
	}
	err := x.memory.await(x.offset + 1)
	return errors.Join(err, x.memory.fcntl(unix.F_SETLK, unix.F_UNLCK, x.offset))
}

// await waits for a byte. The kernel looks for circles of processes that wait for each
// other; with several mutexes it may see one where there is none, because it does not know
// of goroutines. Then we ask until the byte is free.
func (m *Memory) await(at int64) error {
	err := m.fcntl(unix.F_SETLKW, unix.F_WRLCK, at)
	for errors.Is(err, unix.EDEADLK) || taken(err) {
		time.Sleep(time.Millisecond)
		err = m.fcntl(unix.F_SETLK, unix.F_WRLCK, at)
	}
	return err
}

// release gives the mutex back. It cannot fail on a file that is open.
func (x *Mutex) release() {
	_ = x.memory.fcntl(unix.F_SETLK, unix.F_UNLCK, x.offset+1)
}

// taken tells whether the error says that another process holds the byte.
func taken(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) }
