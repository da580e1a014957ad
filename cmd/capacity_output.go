package cmd

import (
	"bytes"
	"encoding/json"
	"io"

	"plimsoll/report"
	"plimsoll/report/export"
	"plimsoll/report/html"
	"plimsoll/report/text"
)

// capacityKinds returns what -o can make of what capacity found.
func capacityKinds() []string { return []string{"csv", "html", "json", "markdown", "text"} }

// writeCapacity writes one of the outputs of capacity.
func (w *world) writeCapacity(c *report.Capacity, dir string, o output) error {
	var b bytes.Buffer
	if err := renderCapacity(&b, c, dir, o.kind); err != nil {
		return err
	}
	file, err := w.create(o)
	if err != nil {
		return err
	}
	_, err = file.Write(b.Bytes())
	return firstError(err, file.Close())
}

// renderCapacity writes what capacity found as one of capacityKinds, for a file.
func renderCapacity(out io.Writer, c *report.Capacity, dir, kind string) error {
	switch kind {
	case "json":
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(c)
	case "html":
		return html.Capacity(out, c)
	case "csv":
		return export.CapacityCSV(out, c)
	case "markdown":
		return export.CapacityMarkdown(out, c)
	}
	return text.Capacity(out, c, text.Options{Dir: dir})
}
