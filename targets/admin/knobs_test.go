package admin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/targets/knob"
)

func (g *target) settings() []knob.Setting {
	g.t.Helper()
	var list struct{ Knobs []knob.Setting }
	g.into("/knobs", &list)
	return list.Knobs
}

func (g *target) value(path string) string {
	g.t.Helper()
	var s knob.Setting
	g.into("/knobs/"+path, &s)
	return s.Value
}

func TestKnobsChangeTogetherLaterAndForATime(t *testing.T) {
	g := start(t, "golden")
	for _, body := range []string{"7", `"7"`, `{"value": 7}`} {
		g.set("shed.queue", "9")
		g.set("shed.queue", body)
		if got := g.value("shed.queue"); got != "7" {
			t.Errorf("put %s: it is %s", body, got)
		}
	}
	// One mistake, and nothing changes.
	got := g.admin(400, "PATCH", "/knobs", `{"set": {"shed.queue": 11, "deps.pricing.timeout": 5}}`)
	var problem struct{ Path, Detail, Hint string }
	if err := json.Unmarshal([]byte(got.text), &problem); err != nil || problem.Path != "deps.pricing.timeout" || problem.Hint == "" {
		t.Errorf("a duration without a unit: %s", got.text)
	}
	if got := g.value("shed.queue"); got != "7" {
		t.Errorf("a batch that was refused set shed.queue to %s", got)
	}
	for name, body := range map[string]string{
		"no such setting":      `{"set": {"shed.quue": 11}}`,
		"out of range":         `{"set": {"shed.queue": -2}}`,
		"none of the choices":  `{"set": {"shed.discipline": "random"}}`,
		"parts that clash":     `{"set": {"limit.fair": "token", "limit.store": "redis"}}`,
		"nothing":              `{"set": {}}`,
		"no JSON":              `{"set"`,
		"an unknown field":     `{"sett": {"shed.queue": 1}}`,
		"a time that is none":  `{"set": {"shed.queue": 1}, "at": "soon"}`,
		"a revert that is now": `{"set": {"shed.queue": 1}, "revert_after": "0s"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := g.admin(400, "PATCH", "/knobs", body); !strings.Contains(got.text, "problem") && !strings.Contains(got.text, "detail") {
				t.Errorf("no explanation: %s", got.text)
			}
		})
	}
	g.admin(409, "PATCH", "/knobs", `{"set": {"shed.queue": 11}, "if_version": 1}`)
	g.admin(200, "PATCH", "/knobs", `{"set": {"shed.queue": 12, "shed.limit": 99}, "revert_after": "100ms"}`)
	if q, l := g.value("shed.queue"), g.value("shed.limit"); q != "12" || l != "99" {
		t.Errorf("set together: %s and %s", q, l)
	}
	until(t, "the values are back", func() bool { return g.value("shed.queue") == "7" && g.value("shed.limit") == "256" })
	g.admin(200, "PATCH", "/knobs", `{"set": {"shed.queue": 13}, "at": "+100ms"}`)
	until(t, "the value is set later", func() bool { return g.value("shed.queue") == "13" })
	var log []knob.Entry
	g.into("/knobs/log", &log)
	if len(log) < 5 || log[len(log)-1].Changes[0].To != "13" {
		t.Errorf("the log has %d entries, the last %+v", len(log), log[len(log)-1])
	}
	// What waits for new workers says so, and holds after a reload.
	got = g.admin(200, "PUT", "/knobs/deps.redis.pool_size", "33")
	if !strings.Contains(got.text, `"restart_pending":["deps.redis.pool_size"]`) {
		t.Errorf("a setting that waits: %s", got.text)
	}
	g.admin(200, "POST", "/cluster/reload", "")
	if got := g.admin(200, "PUT", "/knobs/shed.queue", "14"); strings.Contains(got.text, "restart_pending") {
		t.Errorf("after the reload: %s", got.text)
	}
}

// another returns a value of the setting that is as valid as its own, "" if there is none
// that leaves the rest of the target as it was.
func another(s knob.Setting) string {
	if slices.Contains([]string{
		"chain", "seed", "version", "runtime.gomaxprocs", "runtime.memlimit", "state.global_lock", // these change what the load sees
		"deps.db.kind", "deps.db.url", "deps.redis.url", "deps.db.order", "deps.pricing.order",
		"listen.net.bw", "limit.fair", "limit.algo",
	}, s.Path) || strings.HasPrefix(s.Path, "cluster.recycle.") {
		return ""
	}
	switch s.Kind {
	case "bool":
		return map[string]string{"true": "false", "false": "true"}[s.Value]
	case "choice":
		return s.Choices[(slices.Index(s.Choices, s.Value)+1)%len(s.Choices)]
	case "int", "number":
		for _, v := range []string{"3", "2", "1", "0.5", "503", "0"} {
			if v != s.Value {
				return v
			}
		}
	case "duration":
		return "50ms"
	case "rate":
		return "5000/s"
	case "size":
		return "1MiB"
	}
	return ""
}

// TestEveryKnobChangesUnderLoad turns each setting to another value and back while clients
// ask. The target has to stay up, with the same processes, and to answer afterwards as
// before.
func TestEveryKnobChangesUnderLoad(t *testing.T) {
	g := start(t, "golden", "cluster.workers=2", "cluster.health.misses=0")
	before := g.workers()
	settings := g.settings()
	l := g.load(3, "/x/ok", "/v1/products/3", "/v1/search?q=b", "/v1/carts/c", "/v1/prices/2", "/x/dep/db", "/x/json", "/x/cpu?ms=0.1")
	turned, refused := 0, []string{}
	for _, s := range settings {
		value := another(s)
		if value == "" || s.Path == "cluster.workers" {
			continue
		}
		body, err := json.Marshal(map[string]any{"set": map[string]string{s.Path: value}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := send("PATCH", g.api+"/knobs", string(body))
		if err != nil {
			t.Fatal(err)
		}
		switch got.status {
		case 200:
			turned++
			body, _ = json.Marshal(map[string]any{"set": map[string]string{s.Path: s.Value}})
			g.admin(200, "PATCH", "/knobs", string(body))
		case 400: // another value that is out of its bounds, or clashes
			refused = append(refused, s.Path)
		default:
			t.Fatalf("%s=%s: status %d: %s", s.Path, value, got.status, got.text)
		}
	}
	l.stop()
	t.Logf("%d of %d settings were turned; not taken: %v; %d requests, %d bad, the first %v",
		turned, len(settings), refused, l.sent.Load(), l.bad.Load(), l.first.Load())
	if turned < len(settings)*7/10 {
		t.Errorf("only %d of %d settings were turned", turned, len(settings))
	}
	after := g.workers()
	if fmt.Sprint(pids(before)) != fmt.Sprint(pids(after)) {
		t.Errorf("workers before %v, after %v", before, after)
	}
	for i, s := range g.settings() {
		if s.Value != settings[i].Value {
			t.Errorf("%s is %s, and was %s", s.Path, s.Value, settings[i].Value)
		}
	}
	until(t, "it answers as before", func() bool { return g.ask("GET", "/v1/products/3", "").status == 200 })
	if got := g.ask("GET", "/x/ok", ""); got.status != 200 || got.text != "ok\n" {
		t.Errorf("afterwards: %+v", got)
	}
}

func pids(all []process) (ids []int) {
	for _, w := range all {
		ids = append(ids, w.PID)
	}
	return ids
}

func TestAScheduledChangeCanBeDropped(t *testing.T) {
	g := start(t, "minimal")
	var r knob.Result
	got := g.admin(200, "PATCH", "/knobs", `{"set": {"shed.queue": 5}, "at": "+1h"}`)
	if err := json.Unmarshal([]byte(got.text), &r); err != nil || r.Pending == 0 {
		t.Fatalf("scheduled: %s", got.text)
	}
	var pending []knob.Pending
	g.into("/knobs/pending", &pending)
	if len(pending) != 1 || time.Until(pending[0].Due) < 50*time.Minute {
		t.Errorf("pending: %+v", pending)
	}
	g.admin(200, "DELETE", fmt.Sprintf("/knobs/pending/%d", r.Pending), "")
	g.admin(404, "DELETE", fmt.Sprintf("/knobs/pending/%d", r.Pending), "")
}
