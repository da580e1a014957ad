package html

import (
	"encoding/json"
	"math"
	"strconv"
)

// Chart is a chart as data. The figures in it stand in a table besides, or in Summary,
// for readers who do not see it.
type Chart struct {
	ID      string   `json:"id"` // of letters, digits and hyphens, once on a page
	Title   string   `json:"title"`
	Summary string   `json:"-"`                // one or two sentences on what there is to see, with figures
	Height  int      `json:"height,omitempty"` // of the plot in pixels; 0 is 260
	Sync    string   `json:"sync,omitempty"`   // charts with the same word share their cursor and their zoom along x
	X       Axis     `json:"x"`
	Y       Axis     `json:"y"`
	Data    Numbers  `json:"data"` // x of the series that have none of their own, rising
	Series  []Series `json:"series"`
	Bands   []Band   `json:"bands,omitempty"`
	Zones   []Zone   `json:"zones,omitempty"`
	Marks   []Mark   `json:"marks,omitempty"`
	Heat    *Heat    `json:"heat,omitempty"`
}

// Axis is a scale.
type Axis struct {
	Label string   `json:"label"`
	Unit  Unit     `json:"unit,omitempty"`
	Log   bool     `json:"log,omitempty"`
	Min   *float64 `json:"min,omitempty"` // nil: that of the data, 0 for a y axis that is not Log
	Max   *float64 `json:"max,omitempty"` // nil: that of the data
}

// Unit says how numbers of an axis are written.
type Unit string

// The units.
const (
	Number       Unit = ""
	Milliseconds Unit = "ms"
	Seconds      Unit = "s" // time since the start, as 1:05
	PerSecond    Unit = "/s"
	Share        Unit = "share"    // 0 to 1, as a percentage
	Percentile   Unit = "quantile" // 1/(1-p), as a percentage; with Log
)

// Series is a line, or points. Every series has a colour and, besides, a dash of its own.
type Series struct {
	Name   string  `json:"name"`
	X      Numbers `json:"x,omitempty"`      // nil: the chart's Data
	Y      Numbers `json:"y"`                // NaN: nothing there
	Color  int     `json:"color"`            // 0 to 7, of the palette
	Dash   []int   `json:"dash,omitempty"`   // in pixels; nil: solid
	Points bool    `json:"points,omitempty"` // points without a line
	Marker string  `json:"marker,omitempty"` // of points: circle (default), square, triangle, diamond or cross
	Step   bool    `json:"step,omitempty"`   // holds its value until the next
	Fill   bool    `json:"fill,omitempty"`   // lightly, down to 0
	Hidden bool    `json:"hidden,omitempty"` // until the reader switches it on
	Quiet  bool    `json:"quiet,omitempty"`  // not in the legend, as the edges of a band
}

// Band fills what lies between two series, given by their index.
type Band struct {
	Upper int `json:"upper"`
	Lower int `json:"lower"`
	Color int `json:"color"`
}

// Zone is a span along x with a name, such as a stage, or one along y.
type Zone struct {
	From    float64 `json:"from"`
	To      float64 `json:"to"`
	Label   string  `json:"label"`
	Hatched bool    `json:"hatched,omitempty"` // as where a curve is only extrapolated
	Shaded  bool    `json:"shaded,omitempty"`
	Tone    Tone    `json:"tone,omitempty"`
}

// Mark is a line across the chart at a value of x, or of y.
type Mark struct {
	At    float64 `json:"at"`
	Label string  `json:"label"`
	OnY   bool    `json:"on_y,omitempty"` // a level, such as a limit
	Tone  Tone    `json:"tone,omitempty"`
	Bold  bool    `json:"bold,omitempty"` // such as the load line
}

// Heat is a map of counts: a column per span along x (the chart's Data has their starts,
// and one value more for the end of the last), a row per span along y.
type Heat struct {
	Edges   Numbers    `json:"edges"`   // of the rows along y, one more than there are rows
	Columns [][]uint64 `json:"columns"` // row, count, row, count …: only what is not 0
	What    string     `json:"what"`    // is counted, such as "requests"
}

// Numbers are written with five significant digits, and NaN and infinities as null.
type Numbers []float64

// MarshalJSON makes numbers short.
func (n Numbers) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, x := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			b = append(b, "null"...)
			continue
		}
		b = appendNumber(b, round(x))
	}
	return append(b, ']'), nil
}

// appendNumber avoids exponents where digits are as short.
func appendNumber(b []byte, x float64) []byte {
	if x == math.Trunc(x) && math.Abs(x) < 1e9 {
		return strconv.AppendInt(b, int64(x), 10)
	}
	return strconv.AppendFloat(b, x, 'g', -1, 64)
}

// round keeps five significant digits, and all those before the point.
func round(x float64) float64 {
	if x == 0 || math.Abs(x) >= 1e5 {
		return math.Round(x)
	}
	scale := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}

var _ json.Marshaler = Numbers(nil)
