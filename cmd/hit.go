package cmd

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/scenarios"
)

// hitFlags are the flags of hit: the load, and the request as curl describes it.
type hitFlags struct {
	measureFlags
	load    loadFlags
	request requestFlags
	travel  travelFlags
	budgets []string
}

type loadFlags struct {
	rate, arrivals, users, duration, requests string
	maxInFlight, connections                  string
}

type requestFlags struct {
	method, agent, user, cookie string
	headers, data               []string
	head, compressed            bool
}

type travelFlags struct {
	scenarios.Transport
	timeout, connect time.Duration
	follow           bool
	hops             int
}

func newHit(w *world) *cobra.Command {
	f := &hitFlags{}
	cmd := &cobra.Command{
		Use:     "hit URL",
		GroupID: groupLoad,
		Short:   "Load one address, without a scenario",
		Long: `Load one address for a while and say how it did: a scenario in one line.

--rate makes an open load: requests start when they are due, whatever the target
does. --users makes a closed one: each user waits for the answer before asking
again. The request is written as for curl.`,
		Example: `  plimsoll hit http://127.0.0.1:8080/ --rate 500/s -d 30s
  plimsoll hit http://127.0.0.1:8080/ --rate 10/s..1k/s -d 1m --arrivals poisson
  plimsoll hit http://127.0.0.1:8080/ --users 50 -n 10000
  plimsoll hit https://localhost:8443/orders -k -X POST --data @order.json \
      -H 'Content-Type: application/json' --rate 50/s --budget 'p99 < 200ms'`,
		Annotations: exitTable(exitOK, exitUsage, exitUnreachable, exitInconclusive, exitBreach, exitInterrupted, exitTerminated),
		Args:        oneArg("a URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := w.newMeasurement(cmd, &f.measureFlags)
			if err != nil {
				return err
			}
			h, err := f.hit(w, args[0])
			if err != nil {
				return err
			}
			s, err := h.Scenario()
			if err != nil {
				return f.hitError(err)
			}
			return m.measure(cmd.Context(), s, f.out)
		},
	}
	f.register(w, cmd)
	f.stream.register(cmd)
	f.registerLoad(cmd)
	f.registerRequest(cmd)
	f.registerTravel(cmd)
	return cmd
}

func (f *hitFlags) registerLoad(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.load.rate, "rate", "r", "", "open load at this `RATE`: 500/s, 1.5k/s, 100/1m, 1/s..500/s")
	flags.StringVar(&f.load.arrivals, "arrivals", "", "with --rate: the `LAW`, constant (default) or poisson")
	flags.StringVarP(&f.load.users, "users", "u", "", "closed load of `N` users, or a ramp 1..50 (default 1)")
	flags.StringVarP(&f.load.duration, "duration", "d", "", "for how long, a `TIME` like 30s (default 10s; with -n 10m, or until they are done)")
	flags.StringVarP(&f.load.requests, "requests", "n", "", "with --users: `N` requests in all")
	flags.StringVar(&f.load.maxInFlight, "max-in-flight", "", "with --rate: drop what falls due beyond `N` (default 10000)")
	flags.StringVar(&f.load.connections, "connections", "", "`HOW` to connect: keep (default), or new for every request")
	flags.StringArrayVarP(&f.budgets, "budget", "b", nil, "a `PROMISE` like 'p99 < 200ms' or 'errors < 0.1%'; repeatable")
	for flag, words := range map[string][]string{"arrivals": {"constant", "poisson"}, "connections": {"keep", "new"}} {
		cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) //nolint:errcheck // the flag is there
	}
}

func (f *hitFlags) registerRequest(cmd *cobra.Command) {
	r, flags := &f.request, cmd.Flags()
	flags.StringVarP(&r.method, "request", "X", "", "use this `METHOD` (default GET, or POST with --data)")
	flags.StringArrayVarP(&r.headers, "header", "H", nil, "send the header `NAME: VALUE`; repeatable")
	flags.StringArrayVar(&r.data, "data", nil, "the body: `TEXT`, @FILE, or @- for standard input; several joined by &")
	flags.StringVarP(&r.agent, "user-agent", "A", "", "the `NAME` in User-Agent")
	flags.StringVar(&r.user, "user", "", "basic authentication, `NAME:PASS`")
	flags.StringVar(&r.cookie, "cookie", "", "send these `COOKIES`: 'a=1; b=2'")
	flags.BoolVarP(&r.head, "head", "I", false, "ask for the head only")
	flags.BoolVar(&r.compressed, "compressed", false, "ask for a compressed answer")
}

func (f *hitFlags) registerTravel(cmd *cobra.Command) {
	t, flags := &f.travel, cmd.Flags()
	flags.BoolVarP(&t.Insecure, "insecure", "k", false, "trust any certificate")
	flags.StringVar(&t.CA, "cacert", "", "trust the authorities in this PEM `FILE`")
	flags.StringVarP(&t.Cert, "cert", "E", "", "client certificate, a PEM `FILE`")
	flags.StringVar(&t.Key, "key", "", "its private key, a PEM `FILE`")
	flags.StringArrayVar(&t.Resolve, "resolve", nil, "use an address, by a `RULE` HOST:PORT:ADDRESS; repeatable")
	flags.StringArrayVar(&t.ConnectTo, "connect-to", nil, "connect elsewhere, by a `RULE` HOST1:PORT1:HOST2:PORT2; repeatable")
	flags.StringVar(&t.UnixSocket, "unix-socket", "", "connect to this socket `FILE`")
	flags.StringVar(&t.SourceIP, "interface", "", "connect from this local `ADDRESS`")
	flags.BoolVarP(&t.follow, "location", "L", false, "follow redirects; each hop is counted apart")
	flags.IntVar(&t.hops, "max-redirs", 10, "with -L: `N` hops at the most")
	flags.DurationVarP(&t.timeout, "max-time", "m", 30*time.Second, "a request may take this `TIME`")
	flags.DurationVar(&t.connect, "connect-timeout", 10*time.Second, "connecting may take this `TIME`")
}

// hit says in a scenario's words what the flags ask for.
func (f *hitFlags) hit(w *world, url string) (scenarios.Hit, error) {
	if err := f.load.check(); err != nil {
		return scenarios.Hit{}, err
	}
	body, err := f.request.body(w.stdin)
	if err != nil {
		return scenarios.Hit{}, err
	}
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	h := scenarios.Hit{
		URL: url, Method: f.request.method, Headers: f.request.fields(), Body: body,
		Rate: f.load.rate, Arrivals: f.load.arrivals, Users: f.load.users, For: f.load.duration, Requests: f.load.requests,
		Budgets:   f.budgets,
		Load:      map[string]string{"max_in_flight": f.load.maxInFlight, "connections": f.load.connections},
		Transport: &f.travel.Transport,
	}
	if f.request.head {
		h.Method = "HEAD"
	}
	h.Transport.Timeout = f.travel.timeout.String()
	h.Transport.Connect = f.travel.connect.String()
	if f.travel.follow {
		h.Transport.Redirects = strconv.Itoa(f.travel.hops)
	}
	return h, nil
}

// check refuses flags of an open load beside those of a closed one.
func (l *loadFlags) check() error {
	switch {
	case l.rate != "" && l.users != "":
		return usageError("an open load has a rate, a closed one has users", "--rate and --users do not go together")
	case l.rate != "" && l.requests != "":
		return usageError("with --rate, --duration says how many: 100/s for 5s are 500", "--rate and --requests do not go together")
	case l.rate == "" && l.arrivals != "":
		return usageError("users ask again when they have their answer", "--arrivals needs --rate")
	case l.rate == "" && l.maxInFlight != "":
		return usageError("of --users, each has one request in flight", "--max-in-flight needs --rate")
	}
	return nil
}

// hitError says mistakes in a scenario made of flags as mistakes in those flags.
func (f *hitFlags) hitError(err error) error {
	problems, ok := errors.AsType[scenarios.Problems](err)
	if !ok {
		return withCode(exitUsage, err)
	}
	flags := map[string]string{
		"for": "--duration", "iterations": "--requests", "max_in_flight": "--max-in-flight", "budgets": "--budget",
		"headers": "--header", "ca": "--cacert", "connect_to": "--connect-to", "unix_socket": "--unix-socket",
		"source": "--interface", "total": "--max-time", "connect": "--connect-timeout", "redirects": "--max-redirs",
		"target": "URL", "load": "--users",
	}
	if f.load.rate != "" {
		flags["load"] = "--rate"
	}
	var all []error
	for i, p := range problems {
		if i > 0 && p.Msg == problems[i-1].Msg {
			continue // the key, which is in the certificate's file unless --key is set
		}
		flag := cmp.Or(flags[p.File], "--"+p.File)
		msg := strings.TrimPrefix(strings.TrimPrefix(p.Msg, p.File+" "), `"load" `)
		all = append(all, usageError(cmp.Or(f.curlHint(flag), p.Hint), "%s: %s", flag, msg))
	}
	return errors.Join(all...)
}

// curlHint helps those who wrote a letter that means something else to curl.
func (f *hitFlags) curlHint(flag string) string {
	switch {
	case flag == "--duration" && strings.Contains(f.load.duration, "="):
		return "the body is --data; -d says for how long"
	case flag == "--users" && strings.Contains(f.load.users, ":"):
		return "a name and a password are --user; -u says how many users"
	case flag == "--budget" && !strings.ContainsAny(strings.Join(f.budgets, ""), "<>"):
		return "cookies are --cookie; -b is a budget like 'p99 < 200ms'"
	}
	return ""
}

// body returns the bytes of --data, nil without.
func (r *requestFlags) body(stdin io.Reader) ([]byte, error) {
	var parts [][]byte
	for _, d := range r.data {
		name, isFile := strings.CutPrefix(d, "@")
		part := []byte(d)
		var err error
		switch {
		case isFile && name == "-":
			part, err = io.ReadAll(stdin)
		case isFile:
			part, err = os.ReadFile(name)
		}
		if err != nil {
			return nil, usageError("", "--data %s: %w", d, err)
		}
		parts = append(parts, part)
	}
	if parts == nil {
		return nil, nil
	}
	return bytes.Join(parts, []byte("&")), nil
}

// fields returns the header fields that the flags ask for.
func (r *requestFlags) fields() []string {
	fields := append([]string(nil), r.headers...)
	if r.agent != "" {
		fields = append(fields, "User-Agent: "+r.agent)
	}
	if r.user != "" {
		fields = append(fields, "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(r.user)))
	}
	if r.cookie != "" {
		fields = append(fields, "Cookie: "+r.cookie)
	}
	if r.compressed {
		fields = append(fields, "Accept-Encoding: gzip, deflate")
	}
	return fields
}
