package export

import (
	"cmp"
	"io"
	"path/filepath"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"plimsoll/engine"
	"plimsoll/report"
)

// OpenMetrics writes the final state of a run in OpenMetrics text format 1.0: the metrics
// that Prometheus is given while a run goes, under the same names and with the same bounds
// on how many series there may be, and how the run ended. Samples have no timestamps, which
// collectors of such files do not accept. The notes say what was counted together and what
// is missing.
func OpenMetrics(w io.Writer, saved *report.Saved) (notes []string, err error) {
	run := saved.Run
	m := newMeter(run.Legend.Engine(), Identity{
		Run: filepath.Base(saved.Dir), Scenario: run.Scenario, Version: run.Plimsoll.Version,
	})
	total := engine.NewSnapshot(m.legend) // observing it once is quicker than each interval
	missing, err := each(saved, func(s *engine.Snapshot) error {
		total.Merge(s)
		return nil
	})
	m.observe(total)
	m.budgets(run.Budgets)
	m.verdict(run)
	for _, family := range append(m.families(), m.ending(run, missing != "" || err != nil)...) {
		family.Unit = unitOf(family.GetName())
		if _, failed := expfmt.MetricFamilyToOpenMetrics(w, family); failed != nil {
			return notes, failed
		}
	}
	_, failed := expfmt.FinalizeOpenMetrics(w)
	for _, note := range m.notes() {
		notes = append(notes, strings.TrimPrefix(note, "live metrics: "))
	}
	slices.Sort(notes)
	if missing != "" {
		notes = append(notes, missing)
	}
	return notes, cmp.Or(err, failed)
}

// ending returns what is only known of a run that has ended.
func (m *meter) ending(run *report.Run, incomplete bool) (all []*dto.MetricFamily) {
	flag := map[bool]float64{true: 1}
	for _, g := range []struct {
		name, help string
		value      float64
	}{
		{"plimsoll_run_start_time_seconds", "When the run began, in seconds since 1970.", float64(run.Started.UnixMilli()) / 1e3},
		{"plimsoll_run_duration_seconds", "How long the run took.", run.DurationS},
		{"plimsoll_run_valid", "1 if the measurement can be trusted, else 0.", flag[run.Validity.Valid]},
		{"plimsoll_run_incomplete", "1 if intervals of the run are missing here, else 0.", flag[incomplete]},
	} {
		one := &dto.Metric{Label: m.common(), Gauge: &dto.Gauge{Value: &g.value}}
		all = append(all, &dto.MetricFamily{Name: &g.name, Help: &g.help, Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{one}})
	}
	return all
}

// unitOf returns the unit that stands in the name of a metric, nil if there is none.
func unitOf(name string) *string {
	for _, unit := range []string{"seconds", "bytes", "ratio"} {
		if strings.HasSuffix(strings.TrimSuffix(name, "_total"), "_"+unit) {
			return &unit
		}
	}
	return nil
}
