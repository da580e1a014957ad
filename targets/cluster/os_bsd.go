//go:build unix && !linux

package cluster

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// bound returns the attributes of a worker: a process group of its own, because a signal
// from the terminal is for the master to deal with. The end of its standard input tells
// it that the master is gone.
func bound(attributes *syscall.SysProcAttr) *syscall.SysProcAttr {
	if attributes == nil {
		attributes = &syscall.SysProcAttr{}
	}
	attributes.Setpgid = true
	return attributes
}

func acceptOne(listener int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, _, err := unix.Accept(listener)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	return fd, err
}

// hush cannot be done here.
func hush(*os.File) {}

// waiting is not known here.
func waiting(*os.File) int { return 0 }

// usage is not known here.
func usage(int) (rss uint64, cpu float64) { return 0, 0 }
