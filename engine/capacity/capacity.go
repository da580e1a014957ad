// Package capacity holds the models that turn measurements of one node into statements
// about load: the universal scalability law fitted to throughput at given concurrency, the
// laws of queues, and how many nodes a demand needs. It measures nothing and draws nothing.
package capacity

// Kinds of model.
const (
	KindUSL    = "usl"
	KindAmdahl = "amdahl"
	KindLinear = "linear"
)

// Model is a scalability model fitted to throughput at given concurrency, under the keys of
// capacity.json. Rates are in the unit of the points: per second, if those are. The kind is
// that of the law which fits best within the bounds of its parameters: a USL of which
// coherency came out as zero is Amdahl's law.
type Model struct {
	Kind    string      `json:"kind"`      // "usl", "amdahl" or "linear"
	Gamma   float64     `json:"gamma"`     // throughput of one user alone
	Alpha   float64     `json:"alpha"`     // contention
	Beta    float64     `json:"beta"`      // coherency
	NStar   *float64    `json:"n_star"`    // concurrency of the peak; null: no peak was observed
	NStarCI [2]*float64 `json:"n_star_ci"` // 95 %, by profile likelihood; null stands for no bound
	XStar   *float64    `json:"x_star"`    // throughput at the peak
	XStarCI [2]*float64 `json:"x_star_ci"` // of the highest throughput, also where no peak was observed
	SE      Errors      `json:"se"`        // standard errors
	Notes   []string    `json:"notes"`
	Quality
}

// Errors are standard errors of the parameters. One of a parameter at a bound is null: the
// others are those of the law without it.
type Errors struct {
	Gamma *float64 `json:"gamma"`
	Alpha *float64 `json:"alpha"`
	Beta  *float64 `json:"beta"`
}

// Quality is what shows how well a model fits.
type Quality struct {
	Weights Weights       `json:"weights"`
	Levels  int           `json:"levels"` // different concurrencies among the points
	SSE     float64       `json:"sse"`    // sum of squared residuals, weighted
	Sigma   float64       `json:"sigma"`  // residual standard error: a share with relative weights
	DF      int           `json:"df"`     // points less parameters
	Models  []Candidate   `json:"models"` // the best by AICc first
	Points  []FittedPoint `json:"points"` // in the order of concurrency
	Curve   []CurvePoint  `json:"curve"`  // in the order of concurrency, evenly spaced on a logarithmic scale
}

// Candidate is one of the laws that were fitted, to be compared with the others.
type Candidate struct {
	Kind  string  `json:"kind"`
	Gamma float64 `json:"gamma"`
	Alpha float64 `json:"alpha"`
	Beta  float64 `json:"beta"`
	SSE   float64 `json:"sse"`
	AICc  float64 `json:"aicc"` // without the constant that all have in common
	Delta float64 `json:"delta_aicc"`
}

// FittedPoint is a point beside what the model makes of it.
type FittedPoint struct {
	Concurrency float64 `json:"concurrency"`
	Throughput  float64 `json:"throughput"`
	Fitted      float64 `json:"fitted"`
	Residual    float64 `json:"residual"` // measured less fitted
}

// CurvePoint is the model at a concurrency, with a 95 % confidence interval (pointwise, by
// profile likelihood); null stands for no bound.
type CurvePoint struct {
	Concurrency float64  `json:"concurrency"`
	Throughput  float64  `json:"throughput"`
	Low         *float64 `json:"low"`
	High        *float64 `json:"high"`
}

// USL returns the law with the parameters of the model.
func (m *Model) USL() USL { return USL{m.Gamma, m.Alpha, m.Beta} }
