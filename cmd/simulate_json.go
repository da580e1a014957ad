package cmd

import (
	"math"
	"time"

	"plimsoll/engine/simulate"
)

// simulationSchema is the version of what simulate --json writes.
const simulationSchema = "plimsoll.simulation/1"

type savedSimulation struct {
	Schema  string       `json:"schema"`
	Service savedService `json:"service"`
	Cluster savedCluster `json:"cluster"`
	Clients savedClients `json:"clients"`
	Rate    float64      `json:"rate_per_s"`
	Seed    uint64       `json:"seed"`
	Steady  savedSteady  `json:"steady"`
	Trigger savedTrigger `json:"trigger"`
	Notes   []string     `json:"notes"`
}

type savedService struct {
	Source string  `json:"source"`
	MeanMS float64 `json:"mean_ms"`
	SCV    float64 `json:"scv"`
}

type savedCluster struct {
	Nodes    int     `json:"nodes"`
	Servers  int     `json:"servers"`
	Policy   string  `json:"policy"`
	Queue    string  `json:"queue"`
	Capacity float64 `json:"capacity_per_s"`
}

type savedClients struct {
	TimeoutS float64 `json:"timeout_s"` // 0: none
	Retries  int     `json:"retries"`
	BackoffS float64 `json:"backoff_s"`
	Budget   float64 `json:"retry_budget"` // share of first tries; 0: no bound
}

type savedSteady struct {
	Played  savedPlayed  `json:"played"`
	Settled bool         `json:"settled"`
	Figures savedFigures `json:"figures"`
}

// savedPlayed is what was simulated to get the figures.
type savedPlayed struct {
	Nodes        int     `json:"nodes"`
	Replications int     `json:"replications"`
	LengthS      float64 `json:"length_s"`
	WarmupS      float64 `json:"warmup_s"`
}

type savedTrigger struct {
	AtS     float64     `json:"at_s"`
	ForS    float64     `json:"for_s"`
	Lose    int         `json:"lose"`
	Surge   float64     `json:"surge"`
	Speed   float64     `json:"speed"`
	Played  savedPlayed `json:"played"`
	Verdict string      `json:"verdict"` // stable, vulnerable or metastable
	Reasons []string    `json:"reasons"`
	Normal  savedMargin `json:"normal"`
	Worst   savedMargin `json:"worst"`
	BackS   *float64    `json:"back_s"` // from the end of the trigger; null: it did not come back
	savedPhases
}

type savedPhases struct {
	Before savedFigures `json:"before"`
	During savedFigures `json:"during"`
	After  savedFigures `json:"after"`
	Series []savedPoint `json:"series"`
}

// savedMargin is what may be asked of the nodes that were simulated, and what they carry.
type savedMargin struct {
	Rate     float64 `json:"rate_per_s"`
	Most     float64 `json:"most_tries_per_s"`
	Capacity float64 `json:"capacity_per_s"`
}

type savedFigures struct {
	Offered       float64                  `json:"offered_per_s"`
	Attempts      float64                  `json:"tries_per_s"`
	Amplification float64                  `json:"amplification"`
	Goodput       savedInterval            `json:"goodput_per_s"`
	Good          float64                  `json:"good"` // share of first tries
	TimedOut      uint64                   `json:"timed_out"`
	Refused       uint64                   `json:"refused"`
	Lost          uint64                   `json:"lost"`
	Response      map[string]savedInterval `json:"response_ms"`
	Busy          float64                  `json:"utilisation"`
	Worst         float64                  `json:"utilisation_worst_node"`
	Waiting       float64                  `json:"waiting_at_end"`
}

// savedInterval is a figure with its 95 % interval; null: there was one replication only.
type savedInterval struct {
	Value float64  `json:"value"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
}

// savedPoint is a moment of the trigger's time line, a mean over replications.
type savedPoint struct {
	AtS     float64 `json:"at_s"`
	Offered float64 `json:"offered_per_s"`
	Tries   float64 `json:"tries_per_s"`
	Goodput float64 `json:"goodput_per_s"`
	Waiting float64 `json:"waiting"`
}

// saved returns the simulation as --json writes it.
func (s *simulation) saved() savedSimulation {
	k, c := &s.whole.Cluster, &s.whole.Clients
	notes := s.model.notes
	if notes == nil {
		notes = []string{}
	}
	return savedSimulation{
		Schema:  simulationSchema,
		Service: savedService{s.model.source, k.Service.Mean().Seconds() * 1e3, k.Service.SCV()},
		Cluster: savedCluster{k.Nodes, k.Servers, s.policyName, s.queue(), k.Capacity(simulate.Normal(0))},
		Clients: savedClients{c.Timeout.Seconds(), c.Retries, c.Backoff.Seconds(), c.Budget},
		Rate:    s.whole.Load.Rate, Seed: s.whole.Seed,
		Steady: savedSteady{
			Played:  savedPlayed{k.Nodes, s.replications, s.steadyCase.Length.Seconds(), s.warmup.Seconds()},
			Settled: s.settled, Figures: saveFigures(s.steady),
		},
		Trigger: s.savedTrigger(), Notes: notes,
	}
}

func (s *simulation) savedTrigger() savedTrigger {
	j, t := s.judgement, s.trigger
	saved := savedTrigger{
		AtS: t.At.Seconds(), ForS: t.For.Seconds(), Lose: t.Lose, Surge: t.Surge, Speed: t.Speed,
		Played:  savedPlayed{s.judgedCase.Cluster.Nodes, len(j.Outcomes), j.Length.Seconds(), 0},
		Verdict: string(j.Stability), Reasons: j.Reasons, Normal: savedMargin(j.Normal), Worst: savedMargin(j.Worst),
		savedPhases: savedPhases{Before: saveFigures(j.Before), During: saveFigures(j.During), After: saveFigures(j.After), Series: series(j.Outcomes)},
	}
	if j.Back >= 0 {
		back := j.Back.Seconds()
		saved.BackS = &back
	}
	return saved
}

func saveFigures(f *simulate.Figures) savedFigures {
	ms := func(i simulate.Interval) savedInterval {
		return saveInterval(simulate.Interval{Value: i.Value * 1e3, Low: i.Low * 1e3, High: i.High * 1e3})
	}
	r := &f.Response
	return savedFigures{
		Offered: f.Offered, Attempts: f.Attempts, Amplification: f.Amplification(),
		Goodput: saveInterval(f.Goodput), Good: f.Good,
		TimedOut: f.Failed.TimedOut, Refused: f.Failed.Refused, Lost: f.Failed.Lost,
		Response: map[string]savedInterval{"mean": ms(r.Mean), "p50": ms(r.P50), "p95": ms(r.P95), "p99": ms(r.P99), "p99_9": ms(r.P999)},
		Busy:     f.Utilisation.Mean, Worst: f.Utilisation.Worst, Waiting: f.Waiting,
	}
}

func saveInterval(i simulate.Interval) savedInterval {
	if math.IsInf(i.Low, 0) {
		return savedInterval{Value: i.Value}
	}
	return savedInterval{i.Value, &i.Low, &i.High}
}

// series returns the time line, for a chart.
func series(outcomes []*simulate.Outcome) []savedPoint {
	spans := outcomes[0].Spans
	rate := func(of func(*simulate.Span) uint64) []float64 {
		return simulate.Series(outcomes, func(s *simulate.Span) float64 { return float64(of(s)) / s.Seconds() })
	}
	offered := rate(func(s *simulate.Span) uint64 { return s.Arrivals })
	tries := rate(func(s *simulate.Span) uint64 { return s.Attempts })
	good := rate(func(s *simulate.Span) uint64 { return s.Good })
	waiting := simulate.Series(outcomes, func(s *simulate.Span) float64 { return float64(s.Waiting) })
	points := make([]savedPoint, len(spans))
	for i, s := range spans {
		points[i] = savedPoint{s.To.Round(time.Microsecond).Seconds(), offered[i], tries[i], good[i], waiting[i]}
	}
	return points
}
