package cmd

import (
	"bytes"
	"encoding/json"
	"io"
	"os"

	"plimsoll/report"
	"plimsoll/report/html"
	"plimsoll/report/text"
)

// capacityKinds returns what -o can make of what capacity found.
func capacityKinds() []string { return []string{"json", "text", "html"} }

// writeCapacity writes one of the outputs of capacity.
func (w *world) writeCapacity(c *report.Capacity, dir string, o output) error {
	var b bytes.Buffer
	if err := renderCapacity(&b, c, dir, o.kind); err != nil {
		return err
	}
	if o.path == "-" {
		_, err := w.stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(o.path, b.Bytes(), 0o644) //nolint:gosec // results are for everyone to read
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
	}
	return text.Capacity(out, c, text.Options{Dir: dir})
}
