package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// output is one -o KIND=PATH; the path - is standard output.
type output struct{ kind, path string }

// parseOutputs reads the values of -o. A kind that is not among kinds is an error.
func parseOutputs(values []string, kinds ...string) ([]output, error) {
	var outputs []output
	for _, v := range values {
		kind, path, ok := strings.Cut(v, "=")
		if !ok || path == "" {
			return nil, usageError("write it as KIND=PATH, like json=result.json", "-o %s: no path", v)
		}
		if !slices.Contains(kinds, kind) {
			if slices.Contains(streamKinds(), kind) {
				return nil, usageError("run and hit send a run on while it goes; a saved one can be written as openmetrics", "-o %s: this command sends nothing on", v)
			}
			hint := "the kinds are " + strings.Join(kinds, ", ")
			if best := nearest(kind, kinds); best != "" {
				hint = "did you mean " + best + "?"
			}
			return nil, usageError(hint, "-o %s: unknown kind %q", v, kind)
		}
		outputs = append(outputs, output{kind, path})
	}
	return outputs, clash(outputs)
}

// width returns how many columns out shows: those of the terminal, else of COLUMNS, else 80.
func (w *world) width(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	if columns, err := strconv.Atoi(w.env("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	return helpWidth
}

// terminal reports whether a person reads out on a terminal that can move its cursor.
func (w *world) terminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && w.env("TERM") != "dumb"
}

// color reports whether to write colours to out.
func (w *world) color(out io.Writer) bool {
	return !w.noColor && w.env("NO_COLOR") == "" && w.terminal(out)
}

// note tells the user something on the way, unless they want quiet.
func (w *world) note(format string, args ...any) {
	if !w.quiet {
		w.say(fmt.Sprintf(format, args...))
	}
}

// warn tells the user that something was lost. Who wants quiet wants to know that too.
func (w *world) warn(err error) { w.say(fmt.Sprintf("warning: %v", err)) }

// writeJSON writes v as the result.
func (w *world) writeJSON(v any) error {
	enc := json.NewEncoder(w.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// isFile reports whether there is a file of that name.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
