package resource

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Page watches a page of metrics in the text format of Prometheus, and understands the
// figures that many programs have there: see gauges and counters in metrics.go.
type Page struct {
	url    *url.URL
	client *http.Client
}

// NewPage returns a watch over the page at a URL of http or https.
func NewPage(address string) (*Page, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no URL", address)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is no URL of http or https", address)
	}
	return &Page{url: u, client: newClient()}, nil
}

// mostMeters is how many resources of one page are watched.
const mostMeters = 64

// Read reads the page. The error wraps ErrContent if the page is something else, and
// ErrNothing if nothing on it is understood.
func (p *Page) Read(ctx context.Context) (Reading, error) {
	began := time.Now()
	text, kind, err := fetch(ctx, p.client, p.url.String(), "text/plain;version=0.0.4, text/plain;q=0.5")
	if err != nil {
		return Reading{}, err
	}
	var r Reading
	r.timed(began)
	f, err := parse(text, kind)
	if err != nil {
		return Reading{}, fmt.Errorf("%s: %w", shown(p.url), err)
	}
	f.meters(&r)
	if len(r.Meters) == 0 {
		return Reading{}, fmt.Errorf("%s: %w", shown(p.url), cmp.Or(f.why(r.Notes), ErrNothing))
	}
	if n := len(r.Meters); n > mostMeters {
		r.Notes = append(r.Notes, fmt.Sprintf("%d of the %d resources on the page are left out", n-mostMeters, n))
		r.Meters = r.Meters[:mostMeters]
	}
	return r, nil
}

// why says what was found and cannot be used.
func (families) why(notes []string) error {
	if len(notes) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNothing, strings.Join(notes, "; "))
}

// families are the metrics of a page by name.
type families map[string]*dto.MetricFamily

// parse reads a page.
func parse(text []byte, kind string) (families, error) {
	if strings.HasPrefix(kind, "text/html") || bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")) {
		return nil, fmt.Errorf("%w, but HTML", ErrContent)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	f, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContent, err)
	}
	return f, nil
}

// series is one figure with its labels.
type series struct {
	labels map[string]string
	value  float64
	at     float64 // seconds since 1970 by the page, 0 if it does not say
}

// named returns the series of a name, in the order of the page.
func (f families) named(name string) (all []series) {
	family := f[name]
	if family == nil {
		return nil
	}
	for _, m := range family.GetMetric() {
		s := series{labels: map[string]string{}, at: float64(m.GetTimestampMs()) / 1000}
		for _, l := range m.GetLabel() {
			s.labels[l.GetName()] = l.GetValue()
		}
		switch {
		case m.Counter != nil:
			s.value = m.GetCounter().GetValue()
		case m.Gauge != nil:
			s.value = m.GetGauge().GetValue()
		case m.Untyped != nil:
			s.value = m.GetUntyped().GetValue()
		default:
			continue // histograms and summaries say nothing of use
		}
		all = append(all, s)
	}
	return all
}

// key tells series apart by their labels, without these.
func (s series) key(without ...string) string {
	var pairs []string
	for name, value := range s.labels {
		if !slices.Contains(without, name) {
			pairs = append(pairs, name+"="+value)
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

// beside returns the figure of another name with the same labels, or the only one of that
// name; 0 if there is none.
func (f families) beside(s series, name string, without ...string) float64 {
	all := f.named(name)
	for _, o := range all {
		if o.key(without...) == s.key(without...) {
			return o.value
		}
	}
	if len(all) == 1 && len(all[0].labels) == 0 {
		return all[0].value
	}
	return 0
}

// titled is the name of a resource with its labels.
func titled(name, key string) string { return strings.TrimSpace(name + " " + key) }
