package cmd

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9/logging"
	"github.com/spf13/cobra"

	"plimsoll/targets/admin"
	"plimsoll/targets/cluster"
	"plimsoll/targets/knob"
	"plimsoll/targets/master"
	"plimsoll/targets/server"
	"plimsoll/targets/topology"
	"plimsoll/targets/worker"
)

// ready is the one line that `target --json` writes when every worker is ready.
type ready struct {
	Address  string `json:"address"`
	URL      string `json:"url"`
	Admin    string `json:"admin"`
	AdminURL string `json:"admin_url"`
	Preset   string `json:"preset"` // or the file
	Workers  int    `json:"workers"`
	PID      int    `json:"pid"`
	Token    string `json:"token,omitempty"` // for the admin API where others can reach it
}

type targetFlags struct {
	listen, admin  string
	preset, config string
	workers        int
	set            []string
	public         bool
	withStdin      bool
}

func newTarget(w *world) *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:     "target",
		GroupID: groupLoad,
		Short:   "Serve the reference target, a system under test",
		Long: `Serve the reference target until SIGINT or SIGTERM, then let requests under way
finish. It is a master process and worker processes that share the port. A
topology says what they offer and what protects them: a preset, or a file.
Each of its settings is a knob: --set changes it at the start, the admin API
while it runs.

  /x/ok, /x/io?ms=5, /x/cpu?ms=5, /x/stall …   primitives: one behaviour each
  /x/station/NAME, /x/dep/NAME, /x/cache/KEY   one mechanism each
  /v1/products, /v1/search, /v1/prices,
  /v1/carts, /v1/orders                        a shop; not in minimal, queueing
  /healthz, /readyz                            whether it lives, and takes more

The admin API, on an address of its own, under /admin/v1: topology, routes,
knobs, faults, cluster, services, store, truth, epoch, stats, events (SSE);
besides /metrics (Prometheus) and /debug/pprof.`,
		Example: `  plimsoll target
  plimsoll target --preset golden --workers 4
  plimsoll target --preset golden --set deps.pricing.breaker.mode=off
  plimsoll target --config shop.yaml --listen 127.0.0.1:0 --json
  curl -X POST 127.0.0.1:9901/admin/v1/faults \
    -d '{"target": "dep:db", "kind": "latency", "value": "300ms", "for": "20s"}'`,
		Annotations: exitTable(exitOK, exitUsage, exitUnreachable),
		Args:        noArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return w.target(cmd.Context(), cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8080", "the `ADDRESS` of the data port; port 0 takes a free one")
	flags.StringVar(&f.admin, "admin", "127.0.0.1:9901", "the `ADDRESS` of the admin API; port 0 takes a free one")
	flags.IntVar(&f.workers, "workers", 0, "how many worker processes, a `NUMBER` (default: the topology's)")
	flags.BoolVar(&f.public, "allow-public", false, "allow addresses that other machines can reach")
	flags.BoolVar(&f.withStdin, "end-with-stdin", false, "end when standard input does, and not on a signal")
	f.topology(cmd)
	w.jsonFlag(cmd)
	cmd.AddCommand(newTargetKnobs(w), newTargetPreset(w), newTargetWorker(w))
	return cmd
}

// topology gives cmd the flags that say which topology.
func (f *targetFlags) topology(cmd *cobra.Command) {
	flags := cmd.Flags()
	names := strings.Join(topology.Presets()[1:], ", ")
	flags.StringVar(&f.preset, "preset", "", "which ready-made topology, a `NAME`: "+topology.Presets()[0]+" (default), "+names)
	flags.StringVar(&f.config, "config", "", "read the topology from this `FILE` instead")
	flags.StringArrayVar(&f.set, "set", nil, "change a setting, `PATH=VALUE`; may be repeated")
	flags.Lookup("config").Annotations = map[string][]string{notFromEnvironment: nil}                                        // PLIMSOLL_CONFIG names a settings file
	cmd.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(topology.Presets(), cobra.ShellCompDirectiveNoFileComp)) //nolint:errcheck // the flag is there
	cmd.RegisterFlagCompletionFunc("set", completeKnobs)                                                                     //nolint:errcheck // the flag is there
}

// load returns the topology that the flags name, and what to call it.
func (f *targetFlags) load(w *world) (cfg *topology.Config, name string, err error) {
	if f.config != "" {
		if slices.ContainsFunc(w.args, func(a string) bool { return strings.HasPrefix(a, "--preset") }) { // a file of settings may say one
			return nil, "", usageError("the file says it all", "--preset and --config do not go together")
		}
		cfg, err = topology.Read(f.config, f.set...)
		return cfg, f.config, topologyError(err)
	}
	name = cmp.Or(f.preset, topology.Presets()[0])
	if _, err := presetText(name); err != nil {
		return nil, "", err
	}
	cfg, err = topology.Load(name, f.set...)
	return cfg, name, topologyError(err)
}

// topologyError makes a mistake in a topology one of usage, with its hint where hints stand.
func topologyError(err error) error {
	if err == nil {
		return nil
	}
	if p, ok := knobProblem(err); ok {
		hint := cmp.Or(p.Hint, "plimsoll target knobs  lists the settings")
		p.Hint = ""
		return usageError(hint, "%w", p)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return usageError("plimsoll target preset golden > shop.yaml  writes one to start from", "read the topology: %w", err)
	}
	return withCode(exitUsage, err)
}

// knobProblem returns the mistake in a setting of --set that err is about.
func knobProblem(err error) (knob.Problem, bool) {
	if all, ok := errors.AsType[knob.Problems](err); ok {
		return all[0], all[0].File == ""
	}
	if one, ok := errors.AsType[*knob.Problem](err); ok {
		return *one, true
	}
	return errors.AsType[knob.Problem](err)
}

func (w *world) target(ctx context.Context, cmd *cobra.Command, f targetFlags) error {
	if cmd.Flags().Changed("workers") {
		f.set = append(f.set, fmt.Sprintf("cluster.workers=%d", f.workers))
	}
	cfg, name, err := f.load(w)
	if err != nil {
		return err
	}
	for flag, address := range map[string]string{"--listen": f.listen, "--admin": f.admin} {
		if err := allowed(ctx, flag, address, f.public); err != nil {
			return err
		}
	}
	control, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.admin)
	if err != nil {
		return listenError("--admin", f.admin, err)
	}
	defer control.Close()
	m, err := w.startTarget(ctx, cfg, f.listen)
	if errors.Is(err, cluster.ErrUnsupported) {
		return w.soloTarget(ctx, cfg, name, f)
	}
	if err != nil {
		return err
	}
	token := ""
	if server.Loopback(ctx, control.Addr().String()) != nil {
		token = rand.Text()
	}
	api := &http.Server{Handler: admin.Handler(m, token), ReadHeaderTimeout: time.Minute}
	go api.Serve(control) //nolint:errcheck // it ends with the target
	defer api.Close()     //nolint:errcheck // connections of those who ask end with the target
	if f.withStdin {
		var cancel context.CancelFunc
		ctx, cancel = whileOpen(ctx, w.stdin)
		defer cancel()
	}
	if err := w.announce(m.Addr(), control.Addr(), ready{URL: scheme(cfg), Preset: name, Workers: cfg.Cluster.Workers, Token: token}); err != nil {
		return errors.Join(err, m.Close(context.WithoutCancel(ctx)))
	}
	<-ctx.Done()
	last, _ := m.Knobs.Get()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), last.Cluster.Drain+endLimit)
	defer cancel()
	return m.Close(limit)
}

// soloTarget is target where there can be no worker processes.
func (w *world) soloTarget(ctx context.Context, cfg *topology.Config, name string, f targetFlags) error {
	w.note("note: this system has no worker processes: one worker in this process, without the admin API")
	s, err := master.StartSolo(ctx, master.Options{Topology: cfg, Listen: f.listen, Stderr: w.stderr}, os.Exit)
	if err != nil {
		return withCode(exitUnreachable, fmt.Errorf("start the target: %w", err))
	}
	if f.withStdin {
		var cancel context.CancelFunc
		ctx, cancel = whileOpen(ctx, w.stdin)
		defer cancel()
	}
	if err := w.announce(s.Addr(), nil, ready{URL: scheme(cfg), Preset: name, Workers: 1}); err != nil {
		return errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	<-ctx.Done()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Cluster.Drain+endLimit)
	defer cancel()
	return s.Close(limit)
}

// endLimit is how long a target may take to end, besides the requests under way.
const endLimit = 5 * time.Second

// startTarget starts master, backends and workers.
func (w *world) startTarget(ctx context.Context, cfg *topology.Config, listen string) (*master.Master, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	logging.Disable() // a shared store that is down shows as such; it need not fill the terminal
	m, err := master.Start(ctx, master.Options{Topology: cfg, Listen: listen, Stderr: w.stderr, Command: func() *exec.Cmd {
		c := exec.Command(self, "target", "worker") //nolint:noctx // the cluster ends it
		c.Args[0] = "plimsoll"
		c.Env = append(os.Environ(), "GOTRACEBACK=none") // a crash on request need not be explained
		return c
	}})
	if err == nil {
		return m, nil
	}
	if i := interrupted(ctx); i != nil {
		return nil, i
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "listen" {
		return nil, listenError("--listen", listen, err)
	}
	return nil, withCode(exitUnreachable, fmt.Errorf("start the target: %w", err))
}

// allowed refuses addresses that other machines can reach, unless that is wanted.
func allowed(ctx context.Context, flag, address string, public bool) error {
	if public {
		return nil
	}
	err := server.Loopback(ctx, address)
	if err == nil {
		return nil
	}
	return listenError(flag, address, err)
}

func listenError(flag, address string, err error) error {
	if errors.Is(err, server.ErrPublic) {
		return usageError("it stalls and fails on request; --allow-public lets other machines reach it",
			"%s %w", flag, err)
	}
	if invalid, ok := errors.AsType[*net.AddrError](err); ok {
		return usageError("write it as HOST:PORT, like 127.0.0.1:8080", "%s %s: %s", flag, address, invalid.Err)
	}
	hint := flag + " 127.0.0.1:0 takes a free port"
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

// scheme is how the data port is spoken to.
func scheme(cfg *topology.Config) string {
	if cfg.Listen.TLS {
		return "https://"
	}
	return "http://"
}

// announce says where the target listens; r is what else there is to say, with the scheme as
// its URL.
func (w *world) announce(data, control net.Addr, r ready) error {
	r.Address, r.URL, r.PID = data.String(), r.URL+data.String(), os.Getpid()
	api := ""
	if control != nil {
		r.Admin, r.AdminURL = control.String(), "http://"+control.String()
		api = ", its admin API on " + r.AdminURL + "/admin/v1"
	}
	if w.json {
		return json.NewEncoder(w.stdout).Encode(r)
	}
	if r.Token != "" {
		api += ", with the token " + r.Token
	}
	_, err := fmt.Fprintf(w.stdout, "target %s listens on %s%s\n", r.Preset, r.URL, api)
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

// newTargetWorker is what the master starts; it is of no use to a person.
func newTargetWorker(w *world) *cobra.Command {
	return &cobra.Command{
		Use: "worker", Hidden: true, Args: noArgs,
		Short: "Be one worker process of a target",
		RunE: func(*cobra.Command, []string) error {
			logging.Disable()
			return worker.Run(w.stdin, w.stderr, os.Exit)
		},
	}
}
