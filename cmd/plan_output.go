package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"

	"plimsoll/report"
	"plimsoll/report/html"
	"plimsoll/report/text"
)

// savePlan writes one -o of plan.
func (w *world) savePlan(o output, out *report.Plan) error {
	var b bytes.Buffer
	var err error
	switch o.kind {
	case "hpa":
		b.WriteString(autoscaler(out))
	case "html":
		err = html.Plan(&b, out)
	case "text":
		err = text.Plan(&b, out, text.Options{})
	default:
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(out)
	}
	if err == nil && o.path == "-" {
		_, err = w.stdout.Write(b.Bytes())
		return err
	}
	if err == nil {
		err = os.WriteFile(o.path, b.Bytes(), 0o644) //nolint:gosec // results are for everyone to read
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", o.kind, err)
	}
	return nil
}

// autoscaler writes the plan as a Kubernetes HorizontalPodAutoscaler.
func autoscaler(out *report.Plan) string {
	name := strings.Trim(regexp.MustCompile(`[^a-z0-9-]+`).ReplaceAllString(strings.ToLower(out.Basis.Scenario), "-"), "-")
	if name == "" || len(name) > 63 {
		name = "service"
	}
	least := min(max(out.Need.Spare+1, out.Need.Zones, 2), max(out.Nodes, 2))
	var b strings.Builder
	fmt.Fprintf(&b, `# For %s/s at the peak. Each pod carries %s/s (%s).
# Pods = ceil(current * metric / target), and nothing is done within 10%% of the target. That
# makes %d pods at the peak. To keep all %d of the plan there, with what is spare for
# losses, the target would be %s.
# Instead of requests, utilisation can be held: at %.0f%% of what it is at %s/s per pod.
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: %s
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: %s
  minReplicas: %d # what a quiet night and the losses need; raise it if you know better
  maxReplicas: %d
  metrics:
    - type: Pods
      pods:
        metric:
          name: http_requests_per_second # as your metrics adapter calls it
        target:
          type: AverageValue
          averageValue: %q
`,
		report.FormatNumber(out.Peak), report.FormatNumber(out.Need.Lower), out.Basis.Kind, out.Serving, out.Nodes,
		quantity(out.Peak/float64(out.Nodes)), 100*out.Autoscaler.Utilisation, report.FormatNumber(out.Need.Lower),
		name, name, least, max(out.Nodes, least), quantity(out.Autoscaler.AverageValue))
	return b.String()
}

// quantity writes a number as Kubernetes reads it, in whole units or thousandths, rounded
// down so that the headroom stays.
func quantity(x float64) string {
	milli := int64(x*1000 + 1e-6)
	if milli%1000 == 0 || milli >= 1_000_000 {
		return fmt.Sprint(milli / 1000)
	}
	return fmt.Sprintf("%dm", milli)
}
