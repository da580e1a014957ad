//go:build unix

package cmd

import (
	"os"
	"os/exec"
	"strconv"
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

// watch is what a watcher runs: it reads a line, or else ends the group as stop does.
const watch = `read -r _ && exit
kill -s TERM -- "-$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do
  kill -s 0 -- "-$1" || exit
  sleep 1
done
kill -s KILL -- "-$1"`

// watchGroup ends a process group if this program ends first, even by SIGKILL: a shell waits
// at a pipe that then closes. Once the group is gone, release ends the shell.
func watchGroup(group int) (release func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c := exec.Command("sh", "-c", watch, "sh", strconv.Itoa(group)) //nolint:gosec,noctx // a fixed text; it outlives any context
	c.Stdin = r
	ownGroup(c)
	if err := c.Start(); err != nil {
		w.Close()
		return nil, err
	}
	return func() {
		w.WriteString("\n") //nolint:errcheck // if it is gone, it needs no telling
		w.Close()
		c.Wait() //nolint:errcheck // likewise
	}, nil
}
