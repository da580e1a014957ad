package cmd

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/engine/experiment"
	"plimsoll/report"
	"plimsoll/scenarios"
	"plimsoll/targets/cluster"
)

// control does to a target what the events and variants of a scenario ask for, and asks it
// what they want to know.
type control struct {
	admin string // URL of the reference target's control listener; empty: it is another target
	dir   string // where programs run; empty: here
}

// How long one action may take, and how much of an answer is read.
const (
	controlLimit = time.Minute
	controlBytes = 16 << 20
)

func newControl(ref *reference, scenario string) *control {
	c := &control{}
	if ref != nil {
		c.admin = ref.admin
	}
	if isFile(scenario) {
		c.dir = filepath.Dir(scenario)
	}
	return c
}

// do carries out an action.
func (c *control) do(ctx context.Context, a scenarios.Action) error {
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	switch {
	case a.Fault != nil:
		return c.send(ctx, scenarios.Action{Method: http.MethodPost, URL: "/faults", Body: a.Fault, JSON: true})
	case a.Knobs != nil:
		return c.turn(ctx, a.Knobs, a.For)
	case a.Method != "":
		return c.send(ctx, a)
	}
	program := exec.CommandContext(ctx, a.Run[0], a.Run[1:]...)
	program.Dir = c.dir
	program.WaitDelay = time.Second // what it left behind may hold its output open
	said, err := program.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("%s: %w: %s", strings.Join(a.Run, " "), err, lastLine(said))
	}
	return nil
}

// turn changes knobs of the reference target; after revert they are taken back, if that is
// not 0.
func (c *control) turn(ctx context.Context, knobs map[string]string, revert time.Duration) error {
	if len(knobs) == 0 {
		return nil
	}
	change := map[string]any{"set": knobs, "why": "the scenario"}
	if revert > 0 {
		change["revert_after"] = revert.String()
	}
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	text, err := c.call(ctx, scenarios.Action{Method: http.MethodPatch, URL: "/knobs", Body: body, JSON: true})
	if err != nil {
		return err
	}
	if err := inForce(knobs, text); err != nil {
		return err
	}
	if workers, ok := knobs["cluster.workers"]; ok {
		return c.awaitWorkers(ctx, workers)
	}
	return nil
}

// inForce returns an error if the target has taken note of knobs that it will heed in new
// workers only. Answer is what it said to the change.
func inForce(knobs map[string]string, answer []byte) error {
	var said struct {
		Waiting []string `json:"restart_pending"`
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return fmt.Errorf("PATCH /knobs: the answer is not JSON: %w", err)
	}
	for _, path := range said.Waiting {
		if _, turned := knobs[path]; turned {
			return fmt.Errorf("%s takes effect in new workers only, so nothing has changed: let a variant set it, with  fresh: true", path)
		}
	}
	return nil
}

// workerPoll is how often the target is asked whether its workers are there.
const workerPoll = 20 * time.Millisecond

// awaitWorkers returns when so many workers serve.
func (c *control) awaitWorkers(ctx context.Context, wanted string) error {
	for {
		ready, err := c.workers(ctx)
		if err != nil {
			return err
		}
		if strconv.Itoa(ready) == wanted {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d workers serve, and there should be %s: %w", ready, wanted, context.Cause(ctx))
		case <-time.After(workerPoll):
		}
	}
}

// workers counts the workers that serve.
func (c *control) workers(ctx context.Context) (ready int, err error) {
	var status cluster.Status
	if err := c.ask(ctx, "/cluster", &status); err != nil {
		return 0, err
	}
	for _, w := range status.Workers {
		if w.State == cluster.Ready {
			ready++
		}
	}
	return ready, nil
}

// ask reads what the target says of itself.
func (c *control) ask(ctx context.Context, address string, answer any) error {
	text, err := c.call(ctx, scenarios.Action{Method: http.MethodGet, URL: address})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("GET %s: %w", address, err)
	}
	return nil
}

// at returns the whole URL of an address in a scenario. A path is one of the control API,
// but for those that stand beside it on the same listener.
func (c *control) at(address string) (string, error) {
	path, _, _ := strings.Cut(address, "?")
	switch {
	case !isPath(address):
		return address, nil
	case c.admin == "":
		return "", fmt.Errorf("%s is a path of the reference target, which does not run here", address)
	case path == "/metrics", strings.HasPrefix(path, "/debug/"):
		return c.admin + address, nil
	}
	return c.admin + "/admin/v1" + address, nil
}

func (c *control) send(ctx context.Context, a scenarios.Action) error {
	_, err := c.call(ctx, a)
	return err
}

// call makes an HTTP call and returns the answer, which must be of status 2xx.
func (c *control) call(ctx context.Context, a scenarios.Action) ([]byte, error) {
	address, err := c.at(a.URL)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, a.Method, address, bytes.NewReader(a.Body))
	if err != nil {
		return nil, err
	}
	if a.JSON {
		req.Header.Set("Content-Type", "application/json")
	}
	given := http.Header{}
	for _, h := range a.Header {
		given.Add(h.Name, h.Value)
	}
	maps.Copy(req.Header, given)
	req.Host = cmp.Or(given.Get("Host"), req.Host)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, controlBytes))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", a.Method, report.RedactURL(a.URL), err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", a.Method, report.RedactURL(a.URL), resp.Status, problemDetail(text))
	}
	return text, nil
}

// problemDetail returns what an answer says is wrong, from RFC 9457 problem details if it
// is that.
func problemDetail(text []byte) string {
	var p struct{ Title, Detail, Hint string }
	if json.Unmarshal(text, &p) != nil || p.Title+p.Detail == "" {
		return lastLine(text)
	}
	parts := slices.DeleteFunc([]string{p.Title, p.Detail, p.Hint}, func(s string) bool { return s == "" })
	return strings.Join(parts, ": ")
}

// lastLine returns the last line with something in it.
func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// signals follows the events of the reference target until ctx ends, and then closes what
// it returns. It returns once it listens, so that nothing is missed. Another target has none.
func (c *control) signals(ctx context.Context) (<-chan experiment.Signal, error) {
	out := make(chan experiment.Signal, 64)
	if c.admin == "" {
		close(out)
		return out, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.admin+"/admin/v1/events", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("follow the target's events: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("follow the target's events: %s", resp.Status)
	}
	go hear(ctx, resp.Body, out)
	return out, nil
}

// hear hands on what the target says until ctx ends, and that it says nothing any more if
// it ends before.
func hear(ctx context.Context, body io.ReadCloser, out chan<- experiment.Signal) {
	defer close(out)
	defer body.Close()
	tell := func(s experiment.Signal) {
		select {
		case out <- s:
		case <-ctx.Done():
		}
	}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && ctx.Err() == nil {
		if data, found := strings.CutPrefix(lines.Text(), "data: "); found {
			tell(signalOf([]byte(data)))
		}
	}
	if ctx.Err() == nil {
		lost := cmp.Or(lines.Err(), io.ErrUnexpectedEOF)
		tell(experiment.Signal{Text: "events", Time: time.Now(), Lost: fmt.Errorf("the target's events broke off: %w", lost)})
	}
}

// signalOf reads one event of the target.
func signalOf(data []byte) experiment.Signal {
	var e struct {
		Kind   string         `json:"kind"`
		Source string         `json:"source"`
		Time   time.Time      `json:"time"`
		Data   map[string]any `json:"data"`
	}
	if json.Unmarshal(data, &e) != nil {
		return experiment.Signal{Kind: "unreadable", Time: time.Now()}
	}
	text := e.Source
	if more, err := json.Marshal(e.Data); err == nil && len(e.Data) > 0 {
		text += " " + string(more)
	}
	return experiment.Signal{Kind: e.Kind, Text: text, Time: e.Time}
}
