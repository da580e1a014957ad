//go:build unix

package cmd

import (
	"os/exec"
	"syscall"
)

// ownGroup gives the command a process group, so that it ends together with what it starts
// and a Ctrl-C in the terminal does not reach it before the run is over.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// endGroup asks the command's group to end, or forces it.
func endGroup(c *exec.Cmd, force bool) {
	signal := syscall.SIGTERM
	if force {
		signal = syscall.SIGKILL
	}
	syscall.Kill(-c.Process.Pid, signal) //nolint:errcheck // gone already is as good
}
