package cmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plimsoll/engine/experiment"
	"plimsoll/scenarios"
)

// control does to a target what the events and variants of a scenario ask for, and asks it
// what they want to know.
type control struct {
	admin string // the reference target's control API, ending in /admin/v1; empty: it is another target
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
		c.admin = ref.admin + "/admin/v1"
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
		return c.send(ctx, http.MethodPost, "/faults", a.Fault, true)
	case a.Knobs != nil:
		return c.turn(ctx, a.Knobs, a.For)
	case a.Method != "":
		return c.send(ctx, a.Method, a.URL, a.Body, a.JSON)
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
	return c.send(ctx, http.MethodPatch, "/knobs", body, true)
}

func (c *control) send(ctx context.Context, method, address string, body []byte, isJSON bool) error {
	_, err := c.call(ctx, method, address, body, isJSON)
	return err
}

// call makes an HTTP call and returns the answer, which must be of status 2xx.
func (c *control) call(ctx context.Context, method, address string, body []byte, isJSON bool) ([]byte, error) {
	whole := address
	if strings.HasPrefix(address, "/") {
		whole = c.admin + address
	}
	req, err := http.NewRequestWithContext(ctx, method, whole, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if isJSON {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, controlBytes))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, address, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, address, resp.Status, problemDetail(text))
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.admin+"/events", nil)
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

// hear hands on what the target says until it ends or ctx does.
func hear(ctx context.Context, body io.ReadCloser, out chan<- experiment.Signal) {
	defer close(out)
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			continue
		}
		select {
		case out <- signalOf([]byte(data)):
		case <-ctx.Done():
			return
		}
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
