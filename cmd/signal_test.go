//go:build unix

package cmd

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowTarget starts a target with a request under way that takes ten seconds.
func slowTarget(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("plimsoll", "target", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--set", "cluster.drain=9s")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, url, _ := strings.Cut(line, "listens on ")
	url, _, _ = strings.Cut(url, ",")
	begun := make(chan struct{})
	go func() {
		req, _ := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url+"/x/io?ms=10000", http.NoBody)
		close(begun)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	<-begun
	time.Sleep(100 * time.Millisecond) // nothing tells when the request has arrived
	return cmd
}

func ended(cmd *exec.Cmd) (code int, after time.Duration) {
	begin := time.Now()
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	}
	return code, time.Since(begin)
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	cmd := slowTarget(t)
	cmd.Process.Signal(syscall.SIGINT)
	time.Sleep(doubled + 100*time.Millisecond)
	cmd.Process.Signal(syscall.SIGINT)
	if code, after := ended(cmd); code != exitInterrupted || after > 5*time.Second {
		t.Errorf("exit code %d after %v, want %d at once", code, after, exitInterrupted)
	}
}

func TestASignalSentTwiceIsOne(t *testing.T) {
	cmd := slowTarget(t)
	cmd.Process.Signal(syscall.SIGINT)
	time.Sleep(doubled / 4) // else the system makes one of them
	cmd.Process.Signal(syscall.SIGINT)
	time.Sleep(doubled / 4)
	cmd.Process.Signal(syscall.SIGTERM) // another one ends it at once, if it did not end before
	if code, after := ended(cmd); code != exitTerminated || after > 5*time.Second {
		t.Errorf("exit code %d after %v, want %d of the third signal at once", code, after, exitTerminated)
	}
}
