package scenarios

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// What holds for a request, or a load, whose author does not say.
const (
	defaultConnect = 10 * time.Second
	defaultTotal   = 30 * time.Second
	defaultSpan    = 10 * time.Second
)

// compile makes the call that the engine runs; base stands before an address that names
// no host.
func (c *callSpec) compile(base string, def defaults) (*flow.Call, error) {
	call := c.Call
	address := c.url
	if !isAbsolute(address) {
		address = strings.TrimRight(base, "/") + address
	}
	var err error
	if call.URL, err = flow.ParseURLTemplate(address); err != nil {
		return nil, &ValueError{Msg: err.Error(), Hint: hintOf(err)} // its offset counts from another start
	}
	call.Header = slices.Clone(c.Header)
	for _, h := range def.headers {
		if !hasHeader(c.Header, h.Name) {
			call.Header = append(call.Header, h)
		}
	}
	if c.contentType != "" && !hasHeader(call.Header, "Content-Type") {
		call.Header = append(call.Header, flow.HeaderTemplate{Name: "Content-Type", Value: flow.Literal(c.contentType)})
	}
	call.Timeout = flow.Timeouts{
		Connect:   cmp.Or(c.Timeout.Connect, def.timeout.Connect, defaultConnect),
		FirstByte: cmp.Or(c.Timeout.FirstByte, def.timeout.FirstByte),
		Total:     cmp.Or(c.Timeout.Total, def.timeout.Total, defaultTotal),
	}
	return &call, call.Prepare()
}

func hasHeader(headers []flow.HeaderTemplate, name string) bool {
	return slices.ContainsFunc(headers, func(h flow.HeaderTemplate) bool { return strings.EqualFold(h.Name, name) })
}

// compile makes the flow that the engine runs.
func (f *flowSpec) compile(base string, def defaults) (*flow.Flow, error) {
	compiled := &flow.Flow{Name: f.name}
	for _, s := range f.steps {
		step := flow.Step{Think: s.think}
		if s.call != nil {
			call, err := s.call.compile(base, def)
			if err != nil {
				return nil, &callError{s.call, err}
			}
			step.Call = call
		}
		compiled.Steps = append(compiled.Steps, step)
	}
	return compiled, nil
}

// callError is a call that cannot be sent.
type callError struct {
	call *callSpec
	err  error
}

func (e *callError) Error() string { return e.err.Error() }

// legend names the load and its stages, as offsets from the start of the run.
func (l *loadSpec) legend() engine.LoadLegend {
	out := engine.LoadLegend{Name: l.name, Model: "closed"}
	if l.open() {
		out.Model = "open"
	}
	var at time.Duration
	for _, s := range l.stages {
		stage := engine.StageLegend{Name: s.name, From: at, To: at + s.length}
		if l.open() && s.length > 0 {
			stage.Planned = l.expected(s) / s.length.Seconds()
		}
		out.Stages = append(out.Stages, stage)
		at = stage.To
	}
	return out
}
