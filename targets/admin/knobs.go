package admin

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"plimsoll/targets/knob"
)

func (a *api) topology(*http.Request) (any, error) {
	cfg, version := a.target.Knobs.Get()
	tree := map[string]any{}
	for _, s := range knob.Settings(cfg) {
		tree[s.Path] = s.Value
	}
	text, err := knob.Encode(cfg)
	return map[string]any{"version": version, "topology": string(text), "settings": tree}, err
}

func (a *api) routes(r *http.Request) (any, error) { return a.target.Routes(r.Context()) }

func (a *api) knobs(*http.Request) (any, error) {
	cfg, version := a.target.Knobs.Get()
	return map[string]any{"version": version, "knobs": knob.Settings(cfg)}, nil
}

func (a *api) knob(r *http.Request) (any, error) {
	cfg, _ := a.target.Knobs.Get()
	return knob.Lookup(cfg, r.PathValue("path"))
}

// putKnob takes the value as JSON, or as plain text.
func (a *api) putKnob(r *http.Request) (any, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, mistake("", "", "read the value: %s", err)
	}
	var value any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if d.Decode(&value) != nil || d.Decode(new(any)) != io.EOF {
		value = strings.TrimSpace(string(text))
	}
	if object, ok := value.(map[string]any); ok && len(object) == 1 && object["value"] != nil {
		value = object["value"]
	}
	return a.target.Knobs.Change(r.Context(), knob.Batch{Set: map[string]any{r.PathValue("path"): value}, Why: r.URL.Query().Get("why")})
}

// batch is the body of PATCH /knobs.
type batch struct {
	Set         map[string]any `json:"set"`
	At          string         `json:"at"`           // "+30s" from now, or a time (RFC 3339)
	RevertAfter string         `json:"revert_after"` // "60s"
	IfVersion   int            `json:"if_version"`
	Why         string         `json:"why"`
}

func (a *api) patchKnobs(r *http.Request) (any, error) {
	var b batch
	if err := body(r, &b); err != nil {
		return nil, err
	}
	change := knob.Batch{Set: b.Set, IfVersion: b.IfVersion, Why: b.Why}
	if len(b.Set) == 0 {
		return nil, mistake("set", `{"set": {"shed.queue": 100}}`, "no setting is named")
	}
	var err error
	if b.RevertAfter != "" {
		if change.RevertAfter, err = time.ParseDuration(b.RevertAfter); err != nil || change.RevertAfter <= 0 {
			return nil, mistake("revert_after", "write it like 60s", "%q is not a duration above 0", b.RevertAfter)
		}
	}
	switch after, relative := strings.CutPrefix(b.At, "+"); {
	case b.At == "":
	case relative:
		if change.After, err = time.ParseDuration(after); err != nil || change.After < 0 {
			return nil, mistake("at", "write it like +30s", "%q is not a time from now", b.At)
		}
	default:
		if change.At, err = time.Parse(time.RFC3339, b.At); err != nil {
			return nil, mistake("at", "write +30s, or a time like 2026-01-31T10:00:00Z", "%q is not a time", b.At)
		}
	}
	return a.target.Knobs.Change(r.Context(), change)
}

func (a *api) knobLog(*http.Request) (any, error) { return a.target.Knobs.Log(), nil }

func (a *api) pending(*http.Request) (any, error) { return a.target.Knobs.Pending(), nil }

func (a *api) cancel(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil, mistake("id", "", "%q is not a number", r.PathValue("id"))
	}
	return nil, a.target.Knobs.Cancel(r.Context(), id)
}
