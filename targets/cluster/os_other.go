//go:build !unix

package cluster

import (
	"net"
	"os"
	"syscall"
)

const supported = false

func pair() (*net.UnixConn, *os.File, error) { return nil, nil, ErrUnsupported }

func send(*net.UnixConn, int) error { return ErrUnsupported }

func receive(*net.UnixConn) (*os.File, error) { return nil, ErrUnsupported }

func bind(*net.TCPAddr) (*os.File, *net.TCPAddr, error) { return nil, nil, ErrUnsupported }

func listen(*os.File) error { return ErrUnsupported }

func accept(*os.File) (int, error) { return 0, ErrUnsupported }

func duplicate(*os.File) (*os.File, error) { return nil, ErrUnsupported }

func closeDescriptor(int) {}

func closeOnExec(int) {}

func stop(*os.Process) error { return ErrUnsupported }

func resume(*os.Process) error { return ErrUnsupported }

func holds(syscall.Conn) bool { return false }

func bound(attributes *syscall.SysProcAttr) *syscall.SysProcAttr { return attributes }

func hush(*os.File) {}

func waiting(*os.File) int { return 0 }

func usage(int) (rss uint64, cpu float64) { return 0, 0 }
