package cmd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
)

// newNull is the server that does nothing, against which capacity tests the generator. It
// lives as long as its standard input is open.
func newNull(w *world) *cobra.Command {
	return &cobra.Command{
		Use:    "null",
		Hidden: true,
		Short:  "Answer every request at once, for tests of the generator",
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				return fmt.Errorf("listen: %w", err)
			}
			fmt.Fprintln(w.stdout, l.Addr())
			go serveNull(l)
			io.Copy(io.Discard, w.stdin) //nolint:errcheck // its end is all that counts
			return l.Close()
		},
	}
}

func serveNull(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go answerAll(c)
	}
}

// answerAll answers requests without a body until the connection ends.
func answerAll(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if len(line) > 2 { // not yet the empty line that ends the head
			continue
		}
		if _, err := io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
			return
		}
	}
}

// startNull starts the server that does nothing, and returns its address and what ends it.
func startNull(ctx context.Context) (address string, stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, fmt.Errorf("find own program: %w", err)
	}
	c := exec.CommandContext(context.WithoutCancel(ctx), self, "null")
	c.Args[0] = "plimsoll"
	stdin, err := c.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := c.Start(); err != nil {
		return "", nil, fmt.Errorf("start a server to test against: %w", err)
	}
	stop = func() error {
		stdin.Close()
		return c.Wait()
	}
	address, err = bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		stop() //nolint:errcheck // the first error says more
		return "", nil, fmt.Errorf("start a server to test against: %w", err)
	}
	return strings.TrimSpace(address), stop, nil
}
