package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/targets/primitive"
	"plimsoll/targets/server"
)

// ready is the one line that `target --json` writes when it listens.
type ready struct {
	Address string `json:"address"`
	URL     string `json:"url"`
	Preset  string `json:"preset"`
	PID     int    `json:"pid"`
}

type targetFlags struct {
	listen, preset string
	public         bool
	withStdin      bool
	drain          time.Duration
}

// presets returns the names of the ready-made targets.
func presets() []string { return []string{"minimal"} }

// newPreset returns the handler of the preset.
func newPreset(name string) (http.Handler, error) {
	if !slices.Contains(presets(), name) {
		return nil, usageError("the presets are "+strings.Join(presets(), ", "), "unknown preset %q", name)
	}
	return primitive.Handler(), nil
}

func newTarget(w *world) *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:     "target",
		GroupID: groupLoad,
		Short:   "Serve the reference target, a server with known behaviour",
		Long: `Serve the reference target until SIGINT or SIGTERM, then let requests under way
finish.

  /x/ok                        answers at once
  /x/io?ms=5                   answers after a time, not a millisecond more
  /x/bytes/{n}                 answers with n bytes
  /x/status/{code}             answers with the status
  /x/echo                      answers with the body of the request
  /x/stall?every_s=10&for_s=1  freezes for one second in every ten
  /healthz                     says that it is alive`,
		Example: `  plimsoll target
  plimsoll target --listen 127.0.0.1:0 --json`,
		Annotations: exitTable(exitOK, exitUsage, exitUnreachable),
		Args:        noArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return w.target(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8080", "the `ADDRESS` to listen on; port 0 takes a free one")
	flags.StringVar(&f.preset, "preset", "minimal", "which target, a `NAME`: "+strings.Join(presets(), ", "))
	flags.BoolVar(&f.public, "allow-public", false, "allow an address that other machines can reach")
	flags.BoolVar(&f.withStdin, "end-with-stdin", false, "end when standard input does, and not on a signal")
	flags.DurationVar(&f.drain, "drain", 10*time.Second, "the `TIME` that requests under way may take at the end")
	cmd.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(presets(), cobra.ShellCompDirectiveNoFileComp)) //nolint:errcheck // the flag is there
	w.jsonFlag(cmd)
	return cmd
}

func (w *world) target(ctx context.Context, f targetFlags) error {
	handler, err := newPreset(f.preset)
	if err != nil {
		return err
	}
	l, err := server.Listen(ctx, f.listen, f.public)
	if err != nil {
		return listenError(f.listen, err)
	}
	if err := w.announce(l.Addr(), f.preset); err != nil {
		return err
	}
	if f.withStdin {
		var cancel context.CancelFunc
		ctx, cancel = whileOpen(ctx, w.stdin)
		defer cancel()
	}
	return server.Serve(ctx, l, handler, f.drain)
}

func listenError(address string, err error) error {
	if errors.Is(err, server.ErrPublic) {
		return usageError("it stalls and fails on request; --allow-public lets other machines reach it",
			"--listen %w", err)
	}
	if invalid, ok := errors.AsType[*net.AddrError](err); ok {
		return usageError("write it as HOST:PORT, like 127.0.0.1:8080", "--listen %s: %s", address, invalid.Err)
	}
	hint := "--listen 127.0.0.1:0 takes a free port"
	return withHint(hint, withCode(exitUnreachable, fmt.Errorf("listen on %s: %w", address, cause(err))))
}

// cause returns the innermost reason, without the names that net wraps around it.
func cause(err error) error {
	if syscall, ok := errors.AsType[*os.SyscallError](err); ok {
		return syscall.Err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New(dns.Err)
	}
	return err
}

// announce says where the target listens.
func (w *world) announce(address net.Addr, preset string) error {
	r := ready{Address: address.String(), URL: "http://" + address.String(), Preset: preset, PID: os.Getpid()}
	if w.json {
		return json.NewEncoder(w.stdout).Encode(r)
	}
	_, err := fmt.Fprintf(w.stdout, "target %s listens on %s\n", preset, r.URL)
	return err
}

// whileOpen returns a context that ends with stdin, so that a child never outlives its
// parent, however that died. It does not end with ctx: terminals and supervisors send
// signals to parent and child alike, and the parent still needs the child to end its run.
func whileOpen(ctx context.Context, stdin io.Reader) (context.Context, context.CancelFunc) {
	open, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		io.Copy(io.Discard, stdin) //nolint:errcheck // however it ends, it ended
		cancel()
	}()
	return open, cancel
}
