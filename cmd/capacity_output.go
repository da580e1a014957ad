package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"plimsoll/report"
	"plimsoll/report/export"
	"plimsoll/report/html"
	"plimsoll/report/text"
)

// capacityKinds returns what -o can make of what capacity found.
func capacityKinds() []string { return []string{"csv", "html", "json", "markdown", "text"} }

// capacityIn returns what capacity saved in a directory, or in the file that is named, and
// the directory; nil if there is nothing of the kind.
func capacityIn(path string) (c *report.Capacity, dir string, err error) {
	if isFile(path) {
		if filepath.Base(path) != report.CapacityFile {
			return nil, "", nil
		}
		path = filepath.Dir(path)
	}
	if !isFile(filepath.Join(path, report.CapacityFile)) {
		return nil, "", nil
	}
	if c, err = report.OpenCapacity(path); err != nil {
		return nil, "", withCode(exitUsage, err)
	}
	return c, path, nil
}

// reportCapacity shows again what capacity found.
func (w *world) reportCapacity(c *report.Capacity, dir string, values []string) error {
	outputs, err := parseOutputs(values, capacityKinds()...)
	if err != nil {
		return err
	}
	return w.showCapacity(c, dir, outputs)
}

// showCapacity writes what capacity found to where the user wants it: the outputs first,
// then, unless one of them took standard output, the summary.
func (w *world) showCapacity(c *report.Capacity, dir string, outputs []output) error {
	shown := false
	for _, o := range outputs {
		shown = shown || o.path == "-"
		if err := w.writeCapacity(c, dir, o); err != nil {
			return fmt.Errorf("write %s: %w", o.path, reasonOf(err, o.path))
		}
	}
	switch {
	case shown:
		return nil
	case w.json:
		return w.writeJSON(c)
	}
	return text.Capacity(w.stdout, c, text.Options{Color: w.color(w.stdout), Width: w.width(w.stdout), Dir: dir})
}

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
		return html.Capacity(out, c, dir)
	case "csv":
		return export.CapacityCSV(out, c)
	case "markdown":
		return export.CapacityMarkdown(out, c)
	}
	return text.Capacity(out, c, text.Options{Dir: dir})
}
