//go:build unix

package cmd

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func TestCommandEndsWithAProgramThatIsKilled(t *testing.T) {
	const env = "PLIMSOLL_TEST_WATCHES"
	if group, err := strconv.Atoi(os.Getenv(env)); err == nil { // this is the program
		if _, err := watchGroup(group); err != nil {
			t.Fatal(err)
		}
		fmt.Println("watching")
		time.Sleep(time.Minute)
		return
	}
	target := exec.Command("sh", "-c", "sleep 60; :")
	ownGroup(target)
	if err := target.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- target.Wait() }()
	t.Cleanup(func() { endGroup(target, true) })

	program := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$") //nolint:gosec // the test itself
	program.Env = append(os.Environ(), env+"="+strconv.Itoa(target.Process.Pid))
	out, err := program.StdoutPipe()
	if err == nil {
		err = program.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "watching"; {
	}
	select {
	case <-ended:
		t.Fatal("the target ended before the program did")
	default:
	}
	if err := program.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	program.Wait()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the target is still there")
	}
}

func TestCommandIsLeftAloneOnceItIsReleased(t *testing.T) {
	target := exec.Command("sleep", "60")
	ownGroup(target)
	if err := target.Start(); err != nil {
		t.Fatal(err)
	}
	release, err := watchGroup(target.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	release() // waits for the watcher
	if err := target.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the target is gone: %v", err)
	}
	endGroup(target, true)
	target.Wait()
}
