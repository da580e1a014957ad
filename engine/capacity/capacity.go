// Package capacity holds the models that turn measurements of one node into statements
// about load: the universal scalability law fitted to throughput at given concurrency, the
// laws of queues, and how many nodes a demand needs. It measures nothing and draws nothing.
package capacity

// Model is a scalability model fitted to throughput at given concurrency, under the keys of
// capacity.json. Rates are per second, in the unit of the points.
type Model struct {
	Kind    string      `json:"kind"`      // "usl", "amdahl" or "linear", or "none" if no model can be fitted
	Gamma   float64     `json:"gamma"`     // throughput of one user alone
	Alpha   float64     `json:"alpha"`     // contention
	Beta    float64     `json:"beta"`      // coherency
	NStar   *float64    `json:"n_star"`    // concurrency of the peak; null: no peak was observed
	NStarCI [2]*float64 `json:"n_star_ci"` // 95 %, by profile likelihood; null stands for no bound
	XStar   *float64    `json:"x_star"`    // throughput at the peak
	Notes   []string    `json:"notes"`
}
