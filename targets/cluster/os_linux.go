package cluster

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// bound returns the attributes of a worker: a process group of its own, because a signal
// from the terminal is for the master to deal with, and an end when the thread ends that
// started it.
func bound(attributes *syscall.SysProcAttr) *syscall.SysProcAttr {
	if attributes == nil {
		attributes = &syscall.SysProcAttr{}
	}
	attributes.Setpgid = true
	attributes.Pdeathsig = syscall.SIGKILL
	return attributes
}

func acceptOne(listener int) (int, error) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	return fd, err
}

// hush makes a listening socket deaf to new connections, while handshakes under way come
// to their end: a filter of the kernel drops segments whose flags are SYN without ACK.
func hush(listener *os.File) {
	const flags, syn, ack = 13, 0x02, 0x10 // RFC 9293 §3.1
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: syn | ack},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1},
	}
	// Without the filter, connections that come at the last moment are reset: no reason to stay.
	_ = unix.SetsockoptSockFprog(int(listener.Fd()), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}

// waiting returns how many connections wait to be accepted.
func waiting(listener *os.File) int {
	info, err := unix.GetsockoptTCPInfo(int(listener.Fd()), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return int(info.Unacked)
}

// ticks is how many clock ticks a second has in /proc, on every Linux that Go runs on.
const ticks = 100

// usage returns the resident memory and the processor time of a process.
func usage(pid int) (rss uint64, cpu float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	// The name in brackets may hold anything. The fields after it begin with the third (proc_pid_stat(5)).
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 22 {
		return 0, 0
	}
	number := func(i int) float64 {
		n, _ := strconv.ParseFloat(string(fields[i-3]), 64)
		return n
	}
	return uint64(number(24)) * uint64(os.Getpagesize()), (number(14) + number(15)) / ticks
}
